"""A wrapper of the log port through which tests double, delay and reorder events, and let appends fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from murmuration_server.eventlog.port import Backlog, Consumer, EventLog, NewRecord, Record, RelayPosition
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable


class UnrulyLog:
    """An `EventLog` that remembers all it was given. `holding`: what relays publish is kept back until `release`.
    `failing`: appends raise; what was handled is then not committed, as if the process had died there."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.holding = False
        self.failing = False
        self.appended: list[NewRecord] = []
        self.held: list[NewRecord] = []

    def append(
        self,
        call: Call,
        records: Sequence[NewRecord],
        *,
        consumed: tuple[str, Sequence[Record]] | None = None,
        relayed: RelayPosition | None = None,
    ) -> None:
        if self.failing:
            raise Unavailable("the log (a test makes it fail)")
        self.appended += records
        if self.holding and relayed is not None:
            self.held += records
            records = ()
        self._log.append(call, records, consumed=consumed, relayed=relayed)

    def repeat(self, call: Call, records: Sequence[NewRecord]) -> None:
        """Appends records that were appended before once more."""
        self._log.append(call, records)

    def release(self, call: Call, order: Random | None = None) -> None:
        """Appends what was kept back, in a random order where one is given."""
        self.holding = False
        held, self.held = self.held, []
        if order is not None:
            order.shuffle(held)
        self._log.append(call, held)

    def reopened(self, log: EventLog) -> UnrulyLog:
        """The same memory over another opening of the same log."""
        self._log = log
        return self

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        return self._log.consumer(group, topics)

    def relay_position(self, call: Call, source: str) -> RelayPosition | None:
        return self._log.relay_position(call, source)

    def backlog(self, call: Call) -> list[Backlog]:
        return self._log.backlog(call)

    def read(self, call: Call, topic: str, offsets: Mapping[int, int], limit: int) -> list[Record]:
        return self._log.read(call, topic, offsets, limit)

    def offsets_since(self, call: Call, topic: str, since_ms: int) -> dict[int, int]:
        return self._log.offsets_since(call, topic, since_ms)

    def trim(self, call: Call) -> int:
        return self._log.trim(call)
