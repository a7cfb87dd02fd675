"""Relays' positions: the newest record of each source in a compacted topic of one partition."""

from __future__ import annotations

import json
from dataclasses import replace

from murmuration_server.eventlog.kafka.appender import Appender, Sending
from murmuration_server.eventlog.kafka.clients import Clients, Place
from murmuration_server.eventlog.kafka.reader import Reader
from murmuration_server.eventlog.kafka.topics import RELAY_POSITIONS, Topics
from murmuration_server.eventlog.port import RelayPosition
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.runtime.elastic_pool import waiting

PAGE = 1000
ANSWER_SECONDS = 2.0
AGAIN_SECONDS = 1.0
ENOUGH_SECONDS = 0.5
"""Who gives the log less time than this, and gets no answer, has not found out that it does not answer."""
_PLACE: Place = (RELAY_POSITIONS, 0)


class Positions:
    """Reads on from where it read last, so that asking often costs little: writers ask before each ack.

    Those who come while somebody reads share the next reading. Where the cluster does not answer, one asks again from
    time to time, and the others are told so at once.
    """

    def __init__(self, clients: Clients, topics: Topics, appender: Appender, reader: Reader, runtime: Runtime) -> None:
        self._clients, self._topics, self._appender, self._reader = clients, topics, appender, reader
        self._runtime, self._lock = runtime, runtime.lock()
        self._next = 0
        self._known: dict[str, RelayPosition] = {}
        self._state = runtime.lock()
        self._begun = self._finished = 0
        self._failures, self._failing, self._probing = 0, False, False
        self._again_at = 0.0

    def store(self, call: Call, position: RelayPosition) -> None:
        self._topics.ensure(call, [RELAY_POSITIONS])
        value = json.dumps([position.source, position.open_from, position.packed()]).encode()
        name = self._clients.name(RELAY_POSITIONS)
        self._appender.append(call, [Sending(name, 0, position.source.encode(), value, [])])

    def last(self, call: Call, source: str) -> RelayPosition | None:
        """All that was stored before this call began is seen. Raises `Unavailable`."""
        failures = self._enter()
        # Readings that begin from now on see what was stored before.
        enough = self._begun + 1
        with waiting(), self._lock:
            if self._finished < enough:
                if self._failures > failures:
                    raise _silent()
                self._begun += 1
                given = call.deadline - self._runtime.monotonic()
                try:
                    self._read(call.within(ANSWER_SECONDS))
                except BaseException:
                    self._fail(in_a_hurry=given < ENOUGH_SECONDS)
                    raise
                self._finished = self._begun
            self._failing = self._probing = False
            return self._known.get(source)

    def _enter(self) -> int:
        """How often reading has failed until now. Raises `Unavailable` where it did so a moment ago, or where somebody
        is trying again."""
        with self._state:
            if self._failing:
                if self._probing or self._runtime.monotonic() < self._again_at:
                    raise _silent()
                self._probing = True
            return self._failures

    def _fail(self, *, in_a_hurry: bool) -> None:
        with self._state:
            if in_a_hurry:
                self._probing = False
                return
            self._failures, self._failing, self._probing = self._failures + 1, True, False
            self._again_at = self._runtime.monotonic() + AGAIN_SECONDS

    def _read(self, call: Call) -> None:
        self._topics.ensure(call, [RELAY_POSITIONS])
        end = self._reader.ends(call, [_PLACE])[_PLACE]
        if end < self._next:
            # The topic was made anew.
            self._next, self._known = 0, {}
        while self._next < end:
            records = self._reader.read(call, {_PLACE: (self._next, end)}, PAGE)[_PLACE]
            for record in records:
                stored = RelayPosition.unpacked(*json.loads(record.value))
                self._known[stored.source] = _further(self._known.get(stored.source), stored)
            self._next = records[-1].offset + 1 if len(records) == PAGE else end


def _further(known: RelayPosition | None, stored: RelayPosition) -> RelayPosition:
    """What is true after this was stored: a relay that was paused while another went on stores late what was true
    before."""
    if known is None:
        return stored
    looked = max(stored.looked, known.looked)
    if stored.open_from < known.open_from:
        return replace(known, looked=looked)
    reached = dict(known.tails) if stored.open_from == known.open_from else {}
    tails = tuple((bucket, max(at, reached.get(bucket, 0))) for bucket, at in stored.tails)
    return replace(stored, tails=tails, looked=looked)


def _silent() -> Unavailable:
    return Unavailable("the log (it did not answer a moment ago)")
