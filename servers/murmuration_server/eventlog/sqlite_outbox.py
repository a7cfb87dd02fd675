"""The outbox table of a SQLite store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from murmuration_server.eventlog.outbox import OutboxBacklog, OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.platform.sqlite import Database

OUTBOX_TABLE = """
    CREATE TABLE outbox (
        bucket INTEGER NOT NULL, position INTEGER NOT NULL, event_id INTEGER NOT NULL,
        topic TEXT NOT NULL, key INTEGER NOT NULL, origin_ms INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (bucket, position)
    ) WITHOUT ROWID;
"""


def insert_outbox(connection: sqlite3.Connection, bucket: int, rows: Sequence[OutboxRow]) -> None:
    """Within the transaction of the rows that the events tell of."""
    last = connection.execute("SELECT max(position) FROM outbox WHERE bucket = ?", (bucket,)).fetchone()[0] or 0
    connection.executemany(
        "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (bucket, last + number, row.event_id, row.topic, row.key, row.origin_ms, row.value)
            for number, row in enumerate(rows, start=1)
        ],
    )


class SqliteOutbox:
    """`OutboxSource` on a store's database."""

    def __init__(self, name: str, db: Database) -> None:
        self._name, self._outbox_db = name, db

    @property
    def outbox_name(self) -> str:
        return self._name

    @property
    def outbox_reread(self) -> int:
        return 0

    def outbox_now(self, call: Call) -> int:  # noqa: ARG002
        return 0

    def outbox_age_ms(self, call: Call, position: int) -> int:  # noqa: ARG002
        return 0

    def append_outbox(self, call: Call, bucket: int, rows: Sequence[OutboxRow]) -> None:
        self._outbox_db.write(call, lambda connection: insert_outbox(connection, bucket, rows))

    def read_outbox(self, call: Call, bucket: int, after: int, limit: int) -> list[tuple[int, OutboxRow]]:  # noqa: ARG002
        rows = self._outbox_db.read(
            lambda connection: connection.execute(
                """SELECT position, event_id, topic, key, origin_ms, value FROM outbox
                   WHERE bucket = ? AND position > ? ORDER BY position LIMIT ?""",
                (bucket, after, limit),
            ).fetchall()
        )
        return [(row[0], OutboxRow(*row[1:])) for row in rows]

    def next_outbox_bucket(self, call: Call, from_bucket: int) -> int | None:  # noqa: ARG002
        found: int | None = self._outbox_db.read(
            lambda connection: connection.execute(
                "SELECT min(bucket) FROM outbox WHERE bucket >= ?", (from_bucket,)
            ).fetchone()[0]
        )
        return found

    def outbox_backlog(self, call: Call, open_from: int, tails: Sequence[tuple[int, int]]) -> OutboxBacklog:  # noqa: ARG002
        after = dict(tails)

        def work(connection: sqlite3.Connection) -> OutboxBacklog:
            rows, oldest = 0, None
            buckets = connection.execute(
                "SELECT bucket, max(position) FROM outbox WHERE bucket >= ? GROUP BY bucket", (open_from,)
            ).fetchall()
            for bucket, last in buckets:
                position = after.get(bucket, 0)
                if last > position:
                    # Positions count from 1 within a bucket, so their difference is a number of rows.
                    rows += last - position
                    first = connection.execute(
                        "SELECT origin_ms FROM outbox WHERE bucket = ? AND position > ? ORDER BY position LIMIT 1",
                        (bucket, position),
                    ).fetchone()[0]
                    oldest = first if oldest is None else min(oldest, first)
            return OutboxBacklog(rows, oldest)

        return self._outbox_db.read(work)

    def drop_outbox(self, call: Call, below_bucket: int) -> None:
        self._outbox_db.write(
            call, lambda connection: connection.execute("DELETE FROM outbox WHERE bucket < ?", (below_bucket,))
        )
