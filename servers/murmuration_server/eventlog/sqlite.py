"""The log in a SQLite file: one process appends and consumes; others may read positions and backlogs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from murmuration_server.eventlog.port import Backlog, Consumer, NewRecord, Record, RelayPosition, partition_of
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Event, Runtime
from murmuration_server.platform.sqlite import Database

_MIGRATIONS = [
    """
    CREATE TABLE records (
        topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
        key INTEGER NOT NULL, origin_ms INTEGER NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (topic, partition, offset)
    ) WITHOUT ROWID;
    CREATE TABLE ends (
        topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
        PRIMARY KEY (topic, partition)
    ) WITHOUT ROWID;
    CREATE TABLE committed (
        grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
        PRIMARY KEY (grp, topic, partition)
    ) WITHOUT ROWID;
    CREATE TABLE layout (partitions INTEGER NOT NULL);
    CREATE TABLE relay_positions (source TEXT PRIMARY KEY, open_from INTEGER NOT NULL, tails TEXT NOT NULL);
    """,
]


KEPT_WITHOUT_READERS = 50_000
"""Records a partition of a topic that no group reads."""


class SqliteEventLog:
    """`partitions`: of a new file. A file keeps the number it was made with, since keys choose among them by it."""

    def __init__(self, path: Path | None, runtime: Runtime, partitions: int, *, read_only: bool = False) -> None:
        self._runtime = runtime
        self._db = Database(path, runtime, _MIGRATIONS, read_only=read_only)
        self._partitions = partitions if read_only else self._fix_partitions(partitions)
        self._waiting: list[tuple[frozenset[str], Event]] = []

    def append(
        self,
        call: Call,
        records: Sequence[NewRecord],
        *,
        consumed: tuple[str, Sequence[Record]] | None = None,
        relayed: RelayPosition | None = None,
    ) -> None:
        def work(connection: sqlite3.Connection) -> None:
            self._insert(connection, records)
            if consumed is not None:
                _commit(connection, *consumed)
            if relayed is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO relay_positions VALUES (?, ?, ?)",
                    (relayed.source, relayed.open_from, json.dumps(relayed.packed())),
                )

        self._db.write(call, work)
        topics = {record.topic for record in records}
        for wanted, event in self._waiting:
            if topics & wanted:
                event.set()

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        event = self._runtime.event()
        self._waiting.append((frozenset(topics), event))
        return _SqliteConsumer(self._db, group, tuple(topics), event, self._partitions)

    def relay_position(self, call: Call, source: str) -> RelayPosition | None:  # noqa: ARG002
        row = self._db.read(
            lambda connection: connection.execute(
                "SELECT open_from, tails FROM relay_positions WHERE source = ?", (source,)
            ).fetchone()
        )
        return RelayPosition.unpacked(source, row[0], json.loads(row[1])) if row else None

    def backlog(self, call: Call) -> list[Backlog]:  # noqa: ARG002
        def work(connection: sqlite3.Connection) -> list[Backlog]:
            rows = connection.execute(
                """SELECT c.grp, c.topic, sum(e.next_offset - c.next_offset),
                          min((SELECT r.origin_ms FROM records r WHERE r.topic = c.topic AND r.partition = c.partition
                               AND r.offset >= c.next_offset ORDER BY r.offset LIMIT 1))
                   FROM committed c JOIN ends e USING (topic, partition) GROUP BY c.grp, c.topic"""
            )
            return [Backlog(*row) for row in rows]

        return self._db.read(work)

    def read(self, call: Call, topic: str, offsets: Mapping[int, int], limit: int) -> list[Record]:  # noqa: ARG002
        def work(connection: sqlite3.Connection) -> list[Record]:
            partitions = connection.execute("SELECT partition FROM ends WHERE topic = ?", (topic,)).fetchall()
            places = [(topic, partition, offsets.get(partition, 0)) for (partition,) in partitions]
            return _records(connection, places, limit)

        return self._db.read(work)

    def offsets_since(self, call: Call, topic: str, since_ms: int) -> dict[int, int]:  # noqa: ARG002
        """Where each partition begins: how old records are is not kept, and most are dropped soon."""
        rows = self._db.read(
            lambda connection: connection.execute(
                "SELECT partition, min(offset) FROM records WHERE topic = ? GROUP BY partition", (topic,)
            ).fetchall()
        )
        return dict(rows)

    def trim(self, call: Call) -> int:
        def work(connection: sqlite3.Connection) -> int:
            floors = connection.execute(
                """SELECT e.topic, e.partition, coalesce(min(c.next_offset), e.next_offset - ?)
                   FROM ends e LEFT JOIN committed c USING (topic, partition) GROUP BY e.topic, e.partition""",
                (KEPT_WITHOUT_READERS,),
            ).fetchall()
            dropped = 0
            for topic, partition, floor in floors:
                dropped += connection.execute(
                    """DELETE FROM records WHERE topic = ? AND partition = ? AND offset IN
                       (SELECT offset FROM records WHERE topic = ? AND partition = ? AND offset < ? LIMIT 5000)""",
                    (topic, partition, topic, partition, floor),
                ).rowcount
            return dropped

        return self._db.write(call, work)

    def close(self) -> None:
        self._db.close()

    def _fix_partitions(self, wanted: int) -> int:
        def work(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO layout SELECT ? WHERE NOT EXISTS (SELECT 1 FROM layout)", (wanted,))
            fixed: int = connection.execute("SELECT partitions FROM layout").fetchone()[0]
            return fixed

        return self._db.write(Call.background(self._runtime), work)

    def _insert(self, connection: sqlite3.Connection, records: Iterable[NewRecord]) -> None:
        ends: dict[tuple[str, int], int] = {}
        rows = []
        for record in records:
            place = record.topic, partition_of(record.key, self._partitions)
            if place not in ends:
                found = connection.execute(
                    "SELECT next_offset FROM ends WHERE topic = ? AND partition = ?", place
                ).fetchone()
                ends[place] = found[0] if found else 0
            rows.append((*place, ends[place], record.key, record.origin_ms, record.value))
            ends[place] += 1
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)
        connection.executemany(
            "INSERT OR REPLACE INTO ends VALUES (?, ?, ?)", [(*place, end) for place, end in ends.items()]
        )


class _SqliteConsumer:
    def __init__(self, db: Database, group: str, topics: tuple[str, ...], appended: Event, partitions: int) -> None:
        self._db, self._group, self._topics, self._appended = db, group, topics, appended
        self._next: dict[tuple[str, int], int] = {}
        self._partitions = partitions

    def poll(self, call: Call, limit: int, wait_seconds: float = 0.0) -> list[Record]:
        if not self._next:
            self._join(call)
        self._appended.clear()
        records = self._db.read(lambda connection: self._read(connection, limit))
        if not records and wait_seconds > 0 and self._appended.wait(wait_seconds):
            records = self._db.read(lambda connection: self._read(connection, limit))
        return records

    def commit(self, call: Call, records: Sequence[Record]) -> None:
        if records:
            self._db.write(call, lambda connection: _commit(connection, self._group, records))

    def _join(self, call: Call) -> None:
        """A group begins with the oldest record that is there, and has a row from then on: nothing is trimmed before
        it has read it."""
        places = [(topic, partition) for topic in self._topics for partition in range(self._partitions)]

        def work(connection: sqlite3.Connection) -> None:
            for topic, partition in places:
                connection.execute("INSERT OR IGNORE INTO ends VALUES (?, ?, 0)", (topic, partition))
                connection.execute(
                    """INSERT OR IGNORE INTO committed SELECT ?, topic, partition, coalesce(
                       (SELECT min(offset) FROM records r WHERE r.topic = e.topic AND r.partition = e.partition),
                       next_offset) FROM ends e WHERE topic = ? AND partition = ?""",
                    (self._group, topic, partition),
                )

        self._db.write(call, work)
        self._next = dict.fromkeys(places, 0)

    def _read(self, connection: sqlite3.Connection, limit: int) -> list[Record]:
        places = connection.execute(
            """SELECT c.topic, c.partition, c.next_offset FROM committed c JOIN ends e USING (topic, partition)
               WHERE c.grp = ? AND e.next_offset > c.next_offset""",
            (self._group,),
        ).fetchall()
        return _records(connection, [place for place in places if place[0] in self._topics], limit)


def _records(connection: sqlite3.Connection, places: Iterable[tuple[str, int, int]], limit: int) -> list[Record]:
    """`places`: topic, partition, and the offset from which on at most `limit` are read."""
    records: list[Record] = []
    for place in places:
        rows = connection.execute(
            """SELECT topic, partition, offset, key, origin_ms, value FROM records
               WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?""",
            (*place, limit),
        )
        records.extend(Record(*row) for row in rows)
    return records


def _commit(connection: sqlite3.Connection, group: str, records: Sequence[Record]) -> None:
    ends: dict[tuple[str, int], int] = {}
    for record in records:
        place = record.topic, record.partition
        ends[place] = max(ends.get(place, 0), record.offset + 1)
    connection.executemany(
        """INSERT INTO committed VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
           SET next_offset = max(next_offset, excluded.next_offset)""",
        [(group, *place, end) for place, end in ends.items()],
    )
