"""Accounts in a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.sqlite_outbox import OUTBOX_TABLE, SqliteOutbox, insert_outbox
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import Database, placeholders
from murmuration_server.users.handles import fold
from murmuration_server.users.store import StoredUser

_MIGRATIONS = [
    OUTBOX_TABLE
    + """
    CREATE TABLE users (
        user_id INTEGER PRIMARY KEY, handle TEXT NOT NULL, display_name TEXT NOT NULL, created_ms INTEGER NOT NULL,
        request_id TEXT NOT NULL, digest BLOB NOT NULL
    );
    CREATE TABLE handles (folded TEXT PRIMARY KEY, user_id INTEGER NOT NULL) WITHOUT ROWID;
    """
]
_COLUMNS = "user_id, handle, display_name, created_ms, request_id, digest"


class SqliteUserStore(SqliteOutbox):
    def __init__(self, path: Path | None, runtime: Runtime, *, read_only: bool = False) -> None:
        self._db = Database(path, runtime, _MIGRATIONS, read_only=read_only)
        super().__init__("users", self._db)

    def create(
        self, call: Call, users: Sequence[StoredUser], outbox: Sequence[OutboxRow], bucket: int
    ) -> list[StoredUser | None]:
        def work(connection: sqlite3.Connection) -> list[StoredUser | None]:
            answers: list[StoredUser | None] = []
            fresh: list[OutboxRow] = []
            for user, event in zip(users, outbox, strict=True):
                holder = connection.execute(
                    f"SELECT {_COLUMNS} FROM handles JOIN users USING (user_id) WHERE folded = ?", (fold(user.handle),)
                ).fetchone()
                if holder is not None:
                    answers.append(StoredUser(*holder))
                    continue
                connection.execute(
                    "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)",
                    (user.user_id, user.handle, user.display_name, user.created_ms, user.request_id, user.digest),
                )
                connection.execute("INSERT INTO handles VALUES (?, ?)", (fold(user.handle), user.user_id))
                fresh.append(event)
                answers.append(None)
            insert_outbox(connection, bucket, fresh)
            return answers

        return self._db.write(call, work)

    def get_many(self, call: Call, user_ids: Sequence[int]) -> list[StoredUser]:  # noqa: ARG002
        rows = self._db.read(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM users WHERE user_id IN ({placeholders(user_ids)})", user_ids
            ).fetchall()
        )
        return [StoredUser(*row) for row in rows]

    def find_handles(self, call: Call, folded: Sequence[str]) -> dict[str, int]:  # noqa: ARG002
        return self._db.read(
            lambda connection: dict(
                connection.execute(
                    f"SELECT folded, user_id FROM handles WHERE folded IN ({placeholders(folded)})", folded
                )
            )
        )

    def sample(self, call: Call, limit: int) -> list[int]:  # noqa: ARG002
        rows = self._db.read(
            lambda connection: connection.execute("SELECT user_id FROM users LIMIT ?", (limit,)).fetchall()
        )
        return [row[0] for row in rows]

    def close(self) -> None:
        self._db.close()
