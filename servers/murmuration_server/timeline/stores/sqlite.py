"""Homes and their state in two SQLite files: each has one writing process."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.sqlite_outbox import OUTBOX_TABLE, SqliteOutbox, insert_outbox
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import Database, placeholders
from murmuration_server.timeline.store import INCOMPLETE, HomeState, Progress
from murmuration_server.tweets.client import Candidate

_HOME_MIGRATIONS = [
    """
    CREATE TABLE home (
        user_id INTEGER NOT NULL, tweet_id INTEGER NOT NULL, author_id INTEGER NOT NULL, subject_id INTEGER NOT NULL,
        subject_author_id INTEGER NOT NULL, flags INTEGER NOT NULL, PRIMARY KEY (user_id, tweet_id)
    ) WITHOUT ROWID;
    CREATE TABLE progress (
        tweet_id INTEGER NOT NULL, shard INTEGER NOT NULL, after INTEGER NOT NULL, PRIMARY KEY (tweet_id, shard)
    ) WITHOUT ROWID;
    """
]
_STATE_MIGRATIONS = [
    OUTBOX_TABLE
    + """
    CREATE TABLE home_state (
        user_id INTEGER PRIMARY KEY, active_at_ms INTEGER NOT NULL, complete_since INTEGER NOT NULL DEFAULT 0,
        requested_at_ms INTEGER NOT NULL DEFAULT 0
    );
    """
]

# One post into many homes in one step, for the same reason as below: with a step a row, the writer would wait for the
# interpreter's lock once a row.
_WRITE_HOMES = "INSERT OR IGNORE INTO home SELECT value, ?, ?, ?, ?, ? FROM json_each(?)"

# All rows as one text: each row that SQLite hands over gives the interpreter's lock away, and under load the wait to
# get it back costs more than the row.
_READ_HOME = """SELECT group_concat(
                    printf('%016x%016x%016x%016x%02x', tweet_id, author_id, subject_id, subject_author_id, flags), '')
                FROM (SELECT * FROM home WHERE user_id = ? AND tweet_id < ? AND tweet_id >= ?
                      ORDER BY tweet_id DESC LIMIT ?)"""
_HEX_ROW = struct.Struct(">qqqqB")


class SqliteHomeStore:
    def __init__(self, path: Path | None, runtime: Runtime, *, read_only: bool = False) -> None:
        self._db = Database(path, runtime, _HOME_MIGRATIONS, read_only=read_only)

    def write(
        self,
        call: Call,
        rows: Sequence[tuple[int, Candidate]],
        progress: Sequence[Progress] = (),
        forget: Sequence[Progress] = (),
    ) -> None:
        posts = list(_posts(rows))

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_WRITE_HOMES, posts)
            connection.executemany(
                "DELETE FROM progress WHERE tweet_id = ? AND shard = ?",
                [(done.tweet_id, done.shard) for done in forget],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO progress VALUES (?, ?, ?)",
                [(point.tweet_id, point.shard, point.after) for point in progress],
            )

        self._db.write(call, work)

    def read(self, call: Call, user_id: int, before_id: int, from_id: int, limit: int) -> list[Candidate]:
        bounds = (user_id, before_id, from_id, limit)
        rows = self._db.read(lambda connection: connection.execute(_READ_HOME, bounds).fetchone()[0])
        found = list(map(Candidate._make, _HEX_ROW.iter_unpack(bytes.fromhex(rows)))) if rows else []
        # The order in which an aggregate sees its rows is not promised.
        found.sort(reverse=True)
        if call.made_of is not None:
            call.made_of.add_reading(lambda again: self.read(again, *bounds), found)
        return found

    def version(self, call: Call) -> object:  # noqa: ARG002
        return self._db.version()

    def progress(self, call: Call, jobs: Sequence[tuple[int, int]]) -> list[int]:  # noqa: ARG002
        query = "SELECT after FROM progress WHERE tweet_id = ? AND shard = ?"
        found = self._db.read(lambda connection: [connection.execute(query, job).fetchone() for job in jobs])
        return [row[0] if row else 0 for row in found]

    def expire(self, call: Call, after_user: int, users: int, below_id: int) -> int:
        ids = self._db.read(
            lambda connection: [
                row[0]
                for row in connection.execute(
                    "SELECT DISTINCT user_id FROM home WHERE user_id > ? ORDER BY user_id LIMIT ?", (after_user, users)
                )
            ]
        )
        if not ids:
            return 0

        def work(connection: sqlite3.Connection) -> None:
            drop = "DELETE FROM home WHERE user_id = ? AND tweet_id < ?"
            connection.executemany(drop, [(user_id, below_id) for user_id in ids])
            connection.execute("DELETE FROM progress WHERE tweet_id < ?", (below_id,))

        self._db.write(call, work)
        return int(ids[-1])

    def close(self) -> None:
        self._db.close()


def _posts(rows: Sequence[tuple[int, Candidate]]) -> Iterator[tuple[int | str, ...]]:
    """Rows of one post that follow one another become one: its columns, and the users as a JSON array."""
    for candidate, group in groupby(rows, itemgetter(1)):
        yield *candidate, json.dumps([user_id for user_id, _ in group])


class SqliteHomeStateStore(SqliteOutbox):
    def __init__(self, path: Path | None, runtime: Runtime, *, read_only: bool = False) -> None:
        self._db = Database(path, runtime, _STATE_MIGRATIONS, read_only=read_only)
        super().__init__("timeline", self._db)

    def get(self, call: Call, user_id: int) -> HomeState | None:  # noqa: ARG002
        row = self._db.read(
            lambda connection: connection.execute(
                "SELECT active_at_ms, complete_since, requested_at_ms FROM home_state WHERE user_id = ?", (user_id,)
            ).fetchone()
        )
        return HomeState(*row) if row else None

    def active_at(self, call: Call, user_ids: Sequence[int]) -> dict[int, int]:  # noqa: ARG002
        query = f"SELECT user_id, active_at_ms FROM home_state WHERE user_id IN ({placeholders(user_ids)})"
        return self._db.read(lambda connection: dict(connection.execute(query, user_ids)))

    def touch(self, call: Call, user_id: int, now_ms: int) -> None:
        self._db.write(
            call,
            lambda connection: connection.execute(
                """INSERT INTO home_state (user_id, active_at_ms) VALUES (?, ?) ON CONFLICT DO UPDATE
                   SET active_at_ms = max(active_at_ms, excluded.active_at_ms)""",
                (user_id, now_ms),
            ),
        )

    def begin_rebuild(self, call: Call, user_id: int, now_ms: int, outbox: Sequence[OutboxRow], bucket: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                """INSERT INTO home_state VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
                   SET active_at_ms = max(active_at_ms, excluded.active_at_ms),
                       complete_since = excluded.complete_since, requested_at_ms = excluded.requested_at_ms""",
                (user_id, now_ms, INCOMPLETE, now_ms),
            )
            insert_outbox(connection, bucket, outbox)

        self._db.write(call, work)

    def complete_rebuild(self, call: Call, user_id: int, requested_at_ms: int, complete_since: int) -> bool:
        return self._db.write(
            call,
            lambda connection: (
                connection.execute(
                    "UPDATE home_state SET complete_since = ? WHERE user_id = ? AND requested_at_ms = ?",
                    (complete_since, user_id, requested_at_ms),
                ).rowcount
                > 0
            ),
        )

    def close(self) -> None:
        self._db.close()
