"""The outbox tables of a CQL store.

A bucket is spread over a few partitions, so that one minute's events are not one node's. A row's position is the time
at which it was written, by the database's clock: by that of a process which is ahead, or was, its rows would hide those
of all others until the bucket is swept. Writes overtake one another, so a row may turn up below what was read already:
the relay looks back by `outbox_reread`, and sweeps whole buckets in the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from murmuration_server.eventlog.outbox import OutboxBacklog, OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.session import CqlSession, Row
from murmuration_server.platform.cql.statement import Request, Statement
from murmuration_server.platform.ids import EPOCH_MS

PARTITIONS = 4
"""Of a bucket. Readers ask all of them, so it may grow, with readers first, and never shrink."""
LATE_SECONDS = 2
"""By how much nodes' clocks may be apart and writes may take, for a row to be found by looking back a little."""
_TAG_BITS = 10
_POSITIONS_A_SECOND = 1_000_000 << _TAG_BITS
_KNOWN_BUCKETS = 64

SCHEMA = Schema(
    "outbox",
    [
        [
            # Dropped buckets leave tombstones, which nobody comes back to: a day is plenty for all replicas to hear.
            """CREATE TABLE IF NOT EXISTS outbox (
                source text, bucket bigint, part int, position bigint, event_id bigint,
                topic text, key bigint, origin_ms bigint, value blob,
                PRIMARY KEY ((source, bucket, part), position, event_id)
            ) WITH gc_grace_seconds = 86400""",
            """CREATE TABLE IF NOT EXISTS outbox_buckets (source text, bucket bigint, PRIMARY KEY (source, bucket))
               WITH gc_grace_seconds = 86400""",
        ]
    ],
)

_INSERT = Statement(
    """INSERT INTO outbox (source, bucket, part, position, event_id, topic, key, origin_ms, value)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"""
)
_ANNOUNCE = Statement("INSERT INTO outbox_buckets (source, bucket) VALUES (?, ?)")
_BUCKET = f"source = ? AND bucket = ? AND part IN ({', '.join(map(str, range(PARTITIONS)))})"
"""All of its partitions in one request: a look that finds nothing, as most do, costs its request."""
_READ = Statement(
    f"""SELECT part, position, event_id, topic, key, origin_ms, value FROM outbox
        WHERE {_BUCKET} AND position > ? PER PARTITION LIMIT ?"""
)
_READ_AT = Statement(
    f"SELECT position, event_id, topic, key, origin_ms, value FROM outbox WHERE {_BUCKET} AND position = ?"
)
_NEXT_BUCKET = Statement("SELECT bucket FROM outbox_buckets WHERE source = ? AND bucket >= ? LIMIT 1")
_BUCKETS_FROM = Statement("SELECT bucket FROM outbox_buckets WHERE source = ? AND bucket >= ?")
_BUCKETS_BELOW = Statement("SELECT bucket FROM outbox_buckets WHERE source = ? AND bucket < ?")
_COUNT = Statement(
    """SELECT count(*), min(origin_ms) FROM outbox
       WHERE source = ? AND bucket = ? AND part = ? AND position > ?"""
)
"""One a partition: a server warns of each that counts over several."""
_DROP = Statement("DELETE FROM outbox WHERE source = ? AND bucket = ? AND part = ?")
_DROP_BUCKETS = Statement("DELETE FROM outbox_buckets WHERE source = ? AND bucket < ?")


class CqlOutbox:
    """`OutboxSource` on a process's session. `close` leaves the session alone: it is the process's."""

    def __init__(self, name: str, session: CqlSession) -> None:
        self._name, self._session = name, session
        self._lock = session.runtime.lock()
        self._last_us = 0
        self._tag = session.runtime.random.getrandbits(_TAG_BITS)
        self._announced: set[int] = set()

    @property
    def outbox_name(self) -> str:
        return self._name

    @property
    def outbox_reread(self) -> int:
        return LATE_SECONDS * _POSITIONS_A_SECOND

    def outbox_now(self, call: Call) -> int:  # noqa: ARG002
        return self._now_us() << _TAG_BITS

    def outbox_age_ms(self, call: Call, position: int) -> int:  # noqa: ARG002
        return max(0, self._now_us() - (position >> _TAG_BITS)) // 1000

    def append_outbox(self, call: Call, bucket: int, rows: Sequence[OutboxRow]) -> None:
        self._session.write_together(call, self._outbox_requests(call, bucket, rows))

    def read_outbox(self, call: Call, bucket: int, after: int, limit: int) -> list[tuple[int, OutboxRow]]:
        found = self._session.rows(call, _READ, self._name, bucket, after, limit)
        rows = sorted(row[1:] for row in found)
        if len(rows) > limit or limit in Counter(row[0] for row in found).values():
            last = rows[limit - 1][0]
            # A page ends with all rows of its last position: the next page begins after it.
            rows = [row for row in rows if row[0] < last] + sorted(self._at(call, bucket, last))
        return [(row[0], OutboxRow(*row[1:])) for row in rows]

    def next_outbox_bucket(self, call: Call, from_bucket: int) -> int | None:
        row = self._session.row(call, _NEXT_BUCKET, self._name, from_bucket)
        return row[0] if row else None

    def outbox_backlog(self, call: Call, open_from: int, tails: Sequence[tuple[int, int]]) -> OutboxBacklog:
        after = dict(tails)
        buckets = [row[0] for row in self._session.rows(call, _BUCKETS_FROM, self._name, open_from)]
        counted = self._session.rows_of_each(
            call,
            [
                (_COUNT, (self._name, bucket, part, after.get(bucket, 0)))
                for bucket in buckets
                for part in range(PARTITIONS)
            ],
        )
        oldest = [row[0][1] for row in counted if row[0][0]]
        return OutboxBacklog(sum(row[0][0] for row in counted), min(oldest, default=None))

    def drop_outbox(self, call: Call, below_bucket: int) -> None:
        gone = [row[0] for row in self._session.rows(call, _BUCKETS_BELOW, self._name, below_bucket)]
        if gone:
            parts = [(_DROP, (self._name, bucket, part)) for bucket in gone for part in range(PARTITIONS)]
            self._session.write(call, *parts)
            self._session.write(call, (_DROP_BUCKETS, (self._name, below_bucket)))

    def close(self) -> None:
        return

    def _outbox_requests(self, call: Call, bucket: int, rows: Sequence[OutboxRow]) -> list[Request]:
        """For the batch of the rows that the events tell of. Makes the bucket known first."""
        if not rows:
            return []
        if bucket not in self._announced:
            self._session.write(call, (_ANNOUNCE, (self._name, bucket)))
            if len(self._announced) >= _KNOWN_BUCKETS:
                self._announced.clear()
            self._announced.add(bucket)
        first = self._positions(len(rows))
        part = self._session.runtime.random.randrange(PARTITIONS)
        return [
            (
                _INSERT,
                (
                    self._name,
                    bucket,
                    part,
                    first + (number << _TAG_BITS),
                    row.event_id,
                    row.topic,
                    row.key,
                    row.origin_ms,
                    row.value,
                ),
            )
            for number, row in enumerate(rows)
        ]

    def _positions(self, count: int) -> int:
        """The first of so many positions, a microsecond apart, above all that this store has given."""
        with self._lock:
            first = max(self._now_us(), self._last_us + 1, 1)
            self._last_us = first + count - 1
        return first << _TAG_BITS | self._tag

    def _now_us(self) -> int:
        return (self._session.clock.now_ms() - EPOCH_MS) * 1000

    def _at(self, call: Call, bucket: int, position: int) -> list[Row]:
        return self._session.rows(call, _READ_AT, self._name, bucket, position)
