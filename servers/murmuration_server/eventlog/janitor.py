"""Keeps outboxes small, and says how full they are: the quota that bounds what is acked while the log is away."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.eventlog.outbox import OutboxSource
from murmuration_server.eventlog.port import EventLog, RelayPosition
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import MurmurationError, OutboxFull
from murmuration_server.platform.metrics import Metrics


class OutboxQuota:
    """How many acked events wait for the log: as of the last count, plus those admitted since it began."""

    def __init__(self, limit: int) -> None:
        self._limit, self._counted = limit, 0
        self._admitted = self._admitted_before = 0

    @property
    def waiting(self) -> int:
        return self._counted + self._admitted - self._admitted_before

    def admit(self, events: int = 1) -> None:
        """Counts more of them. Raises `OutboxFull` where there is no room."""
        if self.waiting >= self._limit:
            raise OutboxFull
        self._admitted += events

    def begin_count(self) -> int:
        """To be handed to `end_count`: what is admitted while somebody counts is not lost."""
        return self._admitted

    def end_count(self, began: int, waiting: int) -> None:
        self._counted, self._admitted_before = waiting, began


class OutboxJanitor:
    """Runs where the stores are written. Reads the relay's positions, drops published buckets, counts what waits."""

    def __init__(self, sources: Sequence[OutboxSource], log: EventLog, quota: OutboxQuota, metrics: Metrics) -> None:
        self._sources, self._log, self._quota, self._metrics = sources, log, quota, metrics
        self._dropped_below: dict[str, int] = {}

    def run_once(self, call: Call) -> bool:
        waiting, began = 0, self._quota.begin_count()
        for source in self._sources:
            name = source.outbox_name
            position = self._position(call, name)
            done_below = position.done_below
            # Looked for, not remembered: a writer whose clock is behind leaves rows in buckets that were dropped once.
            first = source.next_outbox_bucket(call, 0)
            if first is not None and first < done_below:
                source.drop_outbox(call, done_below)
            self._dropped_below[name] = done_below
            rows = source.outbox_backlog(call, done_below, position.tails).rows
            self._metrics.outbox_rows.labels(name).set(rows)
            waiting += rows
        self._quota.end_count(began, waiting)
        return False

    def _position(self, call: Call, name: str) -> RelayPosition:
        try:
            return self._log.relay_position(call, name) or RelayPosition(name, 0)
        except MurmurationError:
            # The log is away: all that lies in the outbox waits.
            return RelayPosition(name, self._dropped_below.get(name, 0))
