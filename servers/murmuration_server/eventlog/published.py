"""Which events of open buckets are on the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from murmuration_server.eventlog.envelope import Poison, open_envelope
from murmuration_server.eventlog.outbox import BucketRule, OutboxRow
from murmuration_server.eventlog.port import EventLog, Record, RelayPosition
from murmuration_server.platform.call import Call

MOST_REMEMBERED = 1_000_000
"""Events of a bucket, or read of a topic. Where there were more, as after a clock that was far ahead, the others are
published again as their bucket closes."""
RECORDS_AT_FIRST, MOST_RECORDS = 100, 2000
"""Read at once of a partition."""
READ_BYTES = 4 << 20
"""Where so much came at once, less is read the next time."""


@dataclass(slots=True)
class _Recalled:
    """What was read of a topic: `offsets`, how far, in each partition; `whole`: to where it ended. It may grow all the
    time, but not by what was published before."""

    offsets: dict[int, int]
    limit: int
    event_ids: set[int] = field(default_factory=set)
    whole: bool = False


class Published:
    """What this process has put on the log, it remembers. What was put there before it began, by another process, it
    reads on the log itself, once, when the first bucket of that time is swept for the last time: without that, each new
    relay would have the posts of the last minutes delivered once more, all at once."""

    def __init__(self, log: EventLog, rule: BucketRule) -> None:
        self._log, self._rule = log, rule
        self._own: dict[int, set[int]] = {}
        self._before: set[int] = set()
        """Buckets of which something was published before this process began."""
        self._recalled: dict[str, _Recalled] = {}

    def resume(self, position: RelayPosition) -> None:
        """From where another process was. A bucket that is still to come, for some clock was ahead, began nobody knows
        when on the log: what was published of it is published again."""
        self._before = {bucket for bucket, _ in position.tails if bucket <= self._rule.present()}

    def without(self, bucket: int, rows: Iterable[OutboxRow]) -> list[OutboxRow]:
        """The rows whose events are not known to be on the log."""
        own: AbstractSet[int] = self._own.get(bucket, frozenset())
        return [row for row in rows if row.event_id not in own and not self._is_recalled(bucket, row)]

    def note(self, bucket: int, rows: Iterable[OutboxRow]) -> None:
        """They are on the log."""
        own = self._own.setdefault(bucket, set())
        own.update(row.event_id for row in rows)
        if len(own) > MOST_REMEMBERED:
            own.clear()

    def recall(self, call: Call, bucket: int, rows: Sequence[OutboxRow]) -> bool:
        """Finds out which of these rows were published before this process began. False: that is not known yet, and
        the next call reads on. Raises `Unavailable`, `DeadlineExceeded`."""
        topics = sorted({row.topic for row in rows}) if bucket in self._before else []
        return all(self._is_read(call, topic) for topic in topics)

    def forget(self, bucket: int) -> None:
        """It is closed."""
        self._own.pop(bucket, None)
        self._before.discard(bucket)
        if not self._before:
            self._recalled.clear()

    def _is_recalled(self, bucket: int, row: OutboxRow) -> bool:
        recalled = self._recalled.get(row.topic)
        return recalled is not None and bucket in self._before and row.event_id in recalled.event_ids

    def _is_read(self, call: Call, topic: str) -> bool:
        """Whether all is read, with one read more."""
        recalled = self._recalled.get(topic)
        if recalled is None:
            since_ms = self._rule.earliest_ms(min(self._before))
            offsets = self._log.offsets_since(call, topic, since_ms)
            recalled = self._recalled[topic] = _Recalled(offsets, RECORDS_AT_FIRST)
        if not recalled.whole:
            limit, less = recalled.limit, max(1, recalled.limit // 2)
            # If it does not come in time.
            recalled.limit = less
            records = self._log.read(call, topic, recalled.offsets, limit)
            recalled.event_ids.update(_event_ids(records))
            for record in records:
                recalled.offsets[record.partition] = record.offset + 1
            if sum(len(record.value) for record in records) < READ_BYTES:
                recalled.limit = min(2 * limit, MOST_RECORDS)
            most = max(Counter(record.partition for record in records).values(), default=0)
            recalled.whole = most < limit or len(recalled.event_ids) >= MOST_REMEMBERED
        return recalled.whole


def _event_ids(records: Iterable[Record]) -> Iterable[int]:
    """Of those that came from outboxes: the ids of others are no numbers."""
    for record in records:
        try:
            yield int(open_envelope(record.value).event_id, 16)
        except (Poison, ValueError):
            continue
