"""Outboxes: events stored with the rows they tell of, in buckets of the minute of the write.

The relay tails the open buckets and sweeps each one a last time some while after its end. A writer takes the bucket of
the moment at which it writes, and looks at the clock after the write: if that last sweep may be past by then, it writes
the row again into the present bucket before it acks. (Model-checked: a bucket taken from the id, or no second look,
loses acked events of a writer that paused.)

A clock that is set back makes a writer choose a bucket that is closed already, whatever the clock says. So it also asks
the log, after its write, how far the relay has closed; and the relay says so before it looks into a bucket for the last
time. One of the two sees the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from murmuration_server.eventlog.port import EventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import OutboxSettings
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.runtime import Runtime


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """An event that waits to be published. `event_id` is the same if the row is written again."""

    event_id: int
    topic: str
    key: int
    origin_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class OutboxBacklog:
    """Acked events that are not on the log. `oldest_origin_ms` is None where there are none."""

    rows: int
    oldest_origin_ms: int | None


class OutboxSource(Protocol):
    """What a store with an outbox offers. A bucket is a number: the milliseconds of the write through bucket_ms."""

    @property
    def outbox_name(self) -> str: ...

    @property
    def outbox_reread(self) -> int:
        """By how much a row may lie below positions that were read before it was written; 0: never below.

        Where it is not 0, a row may, once in a great while, lie deeper yet: only a read from the start of its bucket
        finds all.
        """
        ...

    def outbox_now(self, call: Call) -> int:
        """The position of a row that is written now. Of use only where `outbox_reread` is not 0."""
        ...

    def outbox_age_ms(self, call: Call, position: int) -> int:
        """How long ago a row of that position was written. Of use only where `outbox_reread` is not 0."""
        ...

    def append_outbox(self, call: Call, bucket: int, rows: Sequence[OutboxRow]) -> None: ...

    def read_outbox(self, call: Call, bucket: int, after: int, limit: int) -> list[tuple[int, OutboxRow]]:
        """Rows of a bucket with positions greater than `after` (0: from the start), in order of position."""
        ...

    def next_outbox_bucket(self, call: Call, from_bucket: int) -> int | None:
        """The first bucket from `from_bucket` on that has rows."""
        ...

    def outbox_backlog(self, call: Call, open_from: int, tails: Sequence[tuple[int, int]]) -> OutboxBacklog:
        """Of buckets from `open_from` on, without rows at or below the position that `tails` gives a bucket."""
        ...

    def drop_outbox(self, call: Call, below_bucket: int) -> None:
        """Forgets the buckets below."""
        ...


class BucketRule:
    """Which bucket is when. `log`: for a writer that is to hold against a clock that is set back."""

    def __init__(self, runtime: Runtime, settings: OutboxSettings, log: EventLog | None = None) -> None:
        self._runtime, self._settings, self._log = runtime, settings, log
        self._open_from: dict[str, int] = {}
        """By source: below it all is closed, as of the last look at the log."""

    def present(self) -> int:
        return self._runtime.now_ms() // self._settings.bucket_ms

    def first_in_use(self) -> int:
        """For the relay: where nearly all rows come that are written now, by whoever's clock is not behind by more than
        the margin."""
        return (self._runtime.now_ms() - self._settings.margin_ms) // self._settings.bucket_ms

    def earliest_ms(self, bucket: int) -> int:
        """For the relay: before this, by its clock, nobody wrote into the bucket whose clock is not ahead by more than
        the margin."""
        return bucket * self._settings.bucket_ms - self._settings.margin_ms

    def last_due(self) -> int:
        """For the relay: the last bucket whose last sweep is due. In it and in those before, nobody acks a row any more
        without having looked at the clock once more."""
        return (self._runtime.now_ms() - self._settings.resweep_ms) // self._settings.bucket_ms - 1

    def may_be_swept(self, bucket: int) -> bool:
        """For a writer, whose clock may be behind the relay's by the margin."""
        return self._runtime.now_ms() >= self._end(bucket) + self._settings.resweep_ms - self._settings.margin_ms

    def settle(self, call: Call, source: OutboxSource, bucket: int, rows: Sequence[OutboxRow]) -> None:
        """To be called after the write that put `rows` into `bucket`, before its ack."""
        while self.may_be_swept(bucket) or bucket < self._closed_below(call, source):
            bucket = max(self.present(), self._open_from.get(source.outbox_name, 0))
            source.append_outbox(call, bucket, rows)

    def _closed_below(self, call: Call, source: OutboxSource) -> int:
        name = source.outbox_name
        try:
            position = self._log.relay_position(call, name) if self._log is not None else None
        except MurmurationError:
            # A caller without time is not acked for not having looked. Else the log is away, and the relay cannot tell
            # it that it closes anything either.
            call.remaining()
            position = None
        if position is not None:
            self._open_from[name] = position.open_from
        return self._open_from.get(name, 0)

    def _end(self, bucket: int) -> int:
        return (bucket + 1) * self._settings.bucket_ms
