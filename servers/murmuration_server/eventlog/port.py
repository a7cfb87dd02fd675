"""The log port: what happened, kept in order per key, for consumers that come at least once to each record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from murmuration_server.platform.call import Call


@dataclass(frozen=True, slots=True)
class NewRecord:
    """`origin_ms`: when the writer acked what this record is about; watermarks and lag are counted from it."""

    topic: str
    key: int
    origin_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: int
    origin_ms: int
    value: bytes


_NO_BUCKET = -1


@dataclass(frozen=True, slots=True)
class RelayPosition:
    """How far an outbox has been published: buckets below `open_from` wholly, and of the open ones up to a position.

    `looked`: of a source whose rows may turn up below what was read: at which position one written then would have
    stood, when the relay last began to look for such. What was acked before is published, or stands above the tails.
    0: not known.
    """

    source: str
    open_from: int
    tails: tuple[tuple[int, int], ...] = ()
    looked: int = 0

    @property
    def done_below(self) -> int:
        """Below it all is published. A closed bucket that has a tail has not been swept for the last time."""
        return min([self.open_from, *(bucket for bucket, _ in self.tails)])

    def packed(self) -> list[tuple[int, int]]:
        """The tails, and `looked` as if it were one: releases that do not know of it take it for an empty bucket's."""
        return [(_NO_BUCKET, self.looked), *self.tails] if self.looked else list(self.tails)

    @classmethod
    def unpacked(cls, source: str, open_from: int, packed: Iterable[tuple[int, int]]) -> RelayPosition:
        tails = dict(packed)
        return cls(source, open_from, looked=tails.pop(_NO_BUCKET, 0), tails=tuple(tails.items()))


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a consumer group has not committed. `oldest_origin_ms`: of the records that come next in each partition;
    None where nothing waits.

    A row that its writer had to write again stands behind younger ones, but its writer acked after those were written,
    so "what was acked before this moment is delivered" stays true.
    """

    group: str
    topic: str
    records: int
    oldest_origin_ms: int | None


class Consumer(Protocol):
    """One member of a group, for one task. Records of one key come in order; any record may come again.

    Members of a group share the partitions, and a partition may move from one to another between two polls. What its
    old owner has not committed comes to the new one; what he commits late moves nothing.
    """

    def poll(self, call: Call, limit: int, wait_seconds: float = 0.0) -> list[Record]:
        """The next records that are not committed, at most `limit` a partition, oldest first; the same ones again
        until they are committed, and further ones behind them. Waits up to `wait_seconds` where there are none.

        What is there need not come with the first poll that could bring it: a group may be gathering, or a part of the
        records be under way. Raises `Unavailable`.
        """
        ...

    def commit(self, call: Call, records: Sequence[Record]) -> None:
        """These records and all before them in their partitions are done. Takes nothing back, and passes over
        partitions that are not this member's any more. Raises `Unavailable`: whether they count as done is then
        unknown."""
        ...


class EventLog(Protocol):
    """Appended records are durable when `append` returns."""

    def append(
        self,
        call: Call,
        records: Sequence[NewRecord],
        *,
        consumed: tuple[str, Sequence[Record]] | None = None,
        relayed: RelayPosition | None = None,
    ) -> None:
        """Appends the records, of each key in their order.

        `consumed` commits a group's records, and `relayed` stores a relay's position, with the append or after it,
        never before. Where it raises, any of the records may be there, one without those before it too, and the
        positions moved or not: append all of them again. Raises `Unavailable`, `Overloaded`, `DeadlineExceeded`.
        """
        ...

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer: ...

    def relay_position(self, call: Call, source: str) -> RelayPosition | None: ...

    def backlog(self, call: Call) -> list[Backlog]:
        """Of every group that has polled."""
        ...

    def read(self, call: Call, topic: str, offsets: Mapping[int, int], limit: int) -> list[Record]:
        """The first `limit` records of each partition from its offset on (one that is not named: from its beginning),
        without a group: for those who look on. Fewer come only where a partition ends. Raises `Unavailable`."""
        ...

    def offsets_since(self, call: Call, topic: str, since_ms: int) -> dict[int, int]:
        """Of each partition an offset for `read` at which, or behind which, all lies that was appended since. Raises
        `Unavailable`."""
        ...

    def trim(self, call: Call) -> int:
        """Drops some of what every group has committed, and the oldest of what nobody reads; answers how many records.
        A log that drops records by their age has nothing to do here."""
        ...


def partition_of(key: int, partitions: int) -> int:
    """Spreads keys that follow one another (Fibonacci hashing, Knuth, TAOCP 3, 6.4: 2^64 through the golden ratio)."""
    return ((key * 0x9E3779B97F4A7C15) % 2**64 >> 32) % partitions
