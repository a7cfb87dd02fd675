"""Relays' positions: the newest record of each source in a compacted topic of one partition."""

from __future__ import annotations

import json

from murmuration_server.eventlog.kafka.appender import Appender, Sending
from murmuration_server.eventlog.kafka.clients import Clients, Place
from murmuration_server.eventlog.kafka.reader import Reader
from murmuration_server.eventlog.kafka.topics import RELAY_POSITIONS, Topics
from murmuration_server.eventlog.port import RelayPosition
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime

PAGE = 1000
_PLACE: Place = (RELAY_POSITIONS, 0)


class Positions:
    """Reads on from where it read last, so that asking often costs little."""

    def __init__(self, clients: Clients, topics: Topics, appender: Appender, reader: Reader, runtime: Runtime) -> None:
        self._clients, self._topics, self._appender, self._reader = clients, topics, appender, reader
        self._lock = runtime.lock()
        self._next = 0
        self._known: dict[str, RelayPosition] = {}

    def store(self, call: Call, position: RelayPosition) -> None:
        self._topics.ensure(call, [RELAY_POSITIONS])
        value = json.dumps([position.source, position.open_from, position.tails]).encode()
        name = self._clients.name(RELAY_POSITIONS)
        self._appender.append(call, [Sending(name, 0, position.source.encode(), value=value)])

    def last(self, call: Call, source: str) -> RelayPosition | None:
        """All that was stored before this call began is seen. Raises `Unavailable`."""
        with self._lock:
            self._topics.ensure(call, [RELAY_POSITIONS])
            end = self._reader.ends(call, [_PLACE])[_PLACE]
            if end < self._next:
                # The topic was made anew.
                self._next, self._known = 0, {}
            while self._next < end:
                records = self._reader.read(call, {_PLACE: (self._next, end)}, PAGE)[_PLACE]
                for record in records:
                    name, open_from, tails = json.loads(record.value)
                    self._known[name] = RelayPosition(name, open_from, tuple((bucket, at) for bucket, at in tails))
                self._next = records[-1].offset + 1 if len(records) == PAGE else end
            return self._known.get(source)
