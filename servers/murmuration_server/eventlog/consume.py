"""One consumer group's step: take records, handle them, commit; set poison aside so that it stops nobody."""

from __future__ import annotations

import itertools
import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from murmuration_server.eventlog import events as log_events
from murmuration_server.eventlog.dead_letter import DeadLetter
from murmuration_server.eventlog.envelope import Envelope, open_envelope
from murmuration_server.eventlog.port import EventLog, NewRecord, Record
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.metrics import Metrics

log = logging.getLogger(__name__)

TRANSIENT = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "CANCELLED"})
"""INTERNAL and the like are poison: the same record would fail for ever."""
LITTLE_OF_A_STEP = 0.25
"""Of its time: twice as many records take half of it."""


@dataclass(frozen=True, slots=True)
class Received:
    """An event and the record it came in."""

    record: Record
    envelope: Envelope


class Handler(Protocol):
    """Handles a batch of events. Idempotent: a batch may come again, wholly or in part.

    Raises `Poison` or anything unforeseen for what can never be handled; a `MurmurationError` of a transient kind for
    what should be tried again later.
    """

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        """Answers records to append with the commit."""
        ...


class ConsumeStep:
    """Commits a batch when all of it is handled. After one that ran out of time it takes half as many records, fairly
    from all partitions, and more again when they need little of it: so all is done in the end, as
    long as one record fits into a step."""

    def __init__(
        self,
        log: EventLog,
        group: str,
        topics: Sequence[str],
        handler: Handler,
        metrics: Metrics,
        batch: int,
        wait_seconds: float = 0.05,
    ) -> None:
        self._log, self._group, self._handler, self._metrics = log, group, handler, metrics
        self._batch, self._wait = batch, wait_seconds
        self._consumer = log.consumer(group, topics)
        self._at_once: int | None = None
        """How many records are handled at once; None: all that a poll brings."""

    def run_once(self, call: Call) -> bool:
        polled = self._consumer.poll(call, self._batch, self._wait)
        if not polled:
            return False
        records, began = _first_of_each(polled, self._at_once), call.runtime.monotonic()
        try:
            out = self._handler.handle(call, [Received(record, open_envelope(record.value)) for record in records])
        except Exception as error:
            if _transient(error):
                if call.runtime.monotonic() >= call.deadline:
                    self._at_once = max(1, len(records) // 2)
                raise
            self._one_by_one(call, records)
            return True
        self._log.append(call, out, consumed=(self._group, records))
        spent, given = call.runtime.monotonic() - began, call.deadline - began
        if self._at_once is not None and spent < LITTLE_OF_A_STEP * given:
            self._at_once = 2 * self._at_once if len(records) < len(polled) else None
        return True

    def _one_by_one(self, call: Call, records: Sequence[Record]) -> None:
        """The batch holds poison: finds which, and handles the rest."""
        for record in records:
            try:
                out = self._handler.handle(call, [Received(record, open_envelope(record.value))])
            except Exception as error:
                if _transient(error):
                    raise
                out = [self._dead_letter(call, record, error)]
            self._log.append(call, out, consumed=(self._group, [record]))

    def _dead_letter(self, call: Call, record: Record, error: Exception) -> NewRecord:
        letter = DeadLetter.of(self._group, record, error, call.runtime.now_ms())
        self._metrics.dead_letters.labels(self._group).inc()
        log.error("dead letter %s: %s", letter.letter_id, letter.reason)
        return log_events.set_aside(letter)


def _first_of_each(records: Sequence[Record], count: int | None) -> Sequence[Record]:
    """So many at most: of each partition the first ones, as many from each as there are."""
    if count is None or len(records) <= count:
        return records
    places: defaultdict[tuple[str, int], Iterator[int]] = defaultdict(itertools.count)
    return sorted(records, key=lambda record: next(places[record.topic, record.partition]))[:count]


def _transient(error: Exception) -> bool:
    return isinstance(error, MurmurationError) and error.code.name in TRANSIENT
