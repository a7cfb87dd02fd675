"""One consumer group's step: take records, handle them, commit; set poison aside so that it stops nobody."""

from __future__ import annotations

import logging
from collections.abc import Sequence
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

    def run_once(self, call: Call) -> bool:
        records = self._consumer.poll(call, self._batch, self._wait)
        if not records:
            return False
        try:
            out = self._handler.handle(call, [Received(record, open_envelope(record.value)) for record in records])
        except Exception as error:
            if _transient(error):
                raise
            self._one_by_one(call, records)
            return True
        self._log.append(call, out, consumed=(self._group, records))
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


def _transient(error: Exception) -> bool:
    return isinstance(error, MurmurationError) and error.code.name in TRANSIENT
