"""What groups of all processes have not committed: their offsets, the ends of topics, a look at the next records."""

from __future__ import annotations

from murmuration_server.eventlog.kafka.clients import Place
from murmuration_server.eventlog.kafka.committed import Committed
from murmuration_server.eventlog.kafka.reader import Reader
from murmuration_server.eventlog.port import Backlog
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime

_Spot = tuple[str, int, int]
"""Topic, partition, offset."""


class Backlogs:
    """A record that comes next and was looked at is not fetched again: what lies at an offset never changes."""

    def __init__(self, committed: Committed, reader: Reader, runtime: Runtime) -> None:
        self._committed, self._reader = committed, reader
        self._lock = runtime.lock()
        self._origins: dict[_Spot, int] = {}

    def measure(self, call: Call) -> list[Backlog]:
        with self._lock:
            committed = self._committed.read(call)
            ends = self._reader.ends(call, sorted({place for _, place in committed}))
            waiting = {(group, place): at for (group, place), at in committed.items() if at < ends[place]}
            self._look(call, {(*place, at) for (_, place), at in waiting.items()}, ends)
        rows = []
        for group, topic in sorted({(group, place[0]) for group, place in committed}):
            ours = {place: at for (name, place), at in waiting.items() if (name, place[0]) == (group, topic)}
            records = sum(ends[place] - at for place, at in ours.items())
            origins = [self._origins[spot] for place, at in ours.items() if (spot := (*place, at)) in self._origins]
            rows.append(Backlog(group, topic, records, min(origins, default=None)))
        return rows

    def _look(self, call: Call, spots: set[_Spot], ends: dict[Place, int]) -> None:
        """Finds the origins of the records there, and forgets the others'."""
        known = {spot: self._origins[spot] for spot in spots if spot in self._origins}
        missing = spots - set(known)
        while missing:
            # One spot a partition at a time: groups may stand at different ones.
            batch = {(topic, partition): offset for topic, partition, offset in sorted(missing)}
            got = self._reader.read(call, {place: (at, ends[place]) for place, at in batch.items()}, 1)
            known |= {(*place, batch[place]): records[0].origin_ms for place, records in got.items() if records}
            missing -= {(*place, at) for place, at in batch.items()}
        self._origins = known
