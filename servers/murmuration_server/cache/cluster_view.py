"""What one process knows of the cache nodes, for as long as it may rely on it.

The states are read under a lease counted from before the asking. Whoever has put a node out waits until every lease
that began before has ended; then nobody reads from that node what he wrote past it. (Model-checked: with the lease
counted from the answer, without the wait, or with a wait only for the first who finds the node out, a reader sees what
was changed.)
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from murmuration_server.cache.cluster_state import MAX_RINGS, ClusterState, History, NodeState
from murmuration_server.cache.nodes import NodeStateStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import DeadlineExceeded, MurmurationError, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.runtime.elastic_pool import waiting
from murmuration_server.sharding.memcached_ring import Ring

LEASE_SECONDS = 2.0
DRIFT_SECONDS = 0.1
"""How far two machines' clocks may run apart during a lease; a wait for the end of leases is so much longer."""
ASK_SECONDS = 1.0
UNANSWERED_SECONDS = 0.2
"""After the store has not answered, nobody asks again for so long: callers do not queue up behind a dead store."""
ATTEMPTS = 8


class Place(NamedTuple):
    """A node, and since which change of members it has had what belongs to an id: part of all its names there."""

    node: str
    since: int


class Placing:
    """Which node has what, by rings that followed one another; the last is in use."""

    def __init__(self, rings: Sequence[tuple[Ring | None, int]]) -> None:
        """Of each ring, since which version it was in use. None: a ring without nodes."""
        *self._before, (self.ring, self._since) = rings

    def place(self, ring_id: int) -> Place | None:
        """None: nowhere."""
        if self.ring is None:
            return None
        node, since = self.ring.owner(ring_id), self._since
        for ring, ring_since in reversed(self._before):
            if ring is None or ring.owner(ring_id) != node:
                break
            since = ring_since
        return Place(node, since)


@dataclass(frozen=True)
class View:
    """One state, with its rings; `also_written` only while members change. `since`: when this process first held it.
    `marks`: a number for each node and its generation, which tells their tokens apart."""

    state: ClusterState
    reading: Placing
    also_written: Placing | None
    marks: Mapping[str, int]
    since: float

    def places(self, ring_id: int) -> list[Place]:
        """Where it is written: where it is read, last, and while members change at its other place too."""
        place = self.reading.place(ring_id)
        other = self.also_written.place(ring_id) if self.also_written else None
        return [found for found in (other if other != place else None, place) if found is not None]


class ClusterView:
    """`current` is the way to every node; nothing about nodes is known without a lease."""

    def __init__(self, store: NodeStateStore, runtime: Runtime, metrics: Metrics, lease: float = LEASE_SECONDS) -> None:
        self._store, self._runtime, self._metrics = store, runtime, metrics
        self.lease_seconds = lease
        self.wait_seconds = lease * (1 + DRIFT_SECONDS / LEASE_SECONDS)
        self._asking = runtime.lock()
        # Together, so that nobody takes an old view for one under a new lease.
        self._held: tuple[View, float] | None = None
        self._ask_again_at = runtime.monotonic()
        self._rings: dict[tuple[str, ...], Ring] = {}
        self._since: dict[tuple[str, NodeState], float] = {}
        self._failed_since: dict[tuple[str, int], float] = {}

    def current(self, call: Call) -> View:
        """Under a lease that holds now. Raises `Unavailable` where the store does not answer or holds nothing."""
        held = self._held
        if held is not None and self._runtime.monotonic() < held[1]:
            return held[0]
        call.remaining()
        with self._asking:
            held = self._held
            if held is not None and self._runtime.monotonic() < held[1]:
                return held[0]
            if self._runtime.monotonic() < self._ask_again_at:
                raise Unavailable("the store of cache nodes")
            try:
                return self._ask(call)
            except MurmurationError:
                self._ask_again_at = self._runtime.monotonic() + UNANSWERED_SECONDS
                raise

    def last(self) -> View | None:
        """As it was held last, under a lease that may be over: somebody may have changed what lies there and told
        nobody here. None where there was none."""
        return self._held[0] if self._held else None

    def refresh(self, call: Call) -> View:
        """Asks though the lease may still hold."""
        with self._asking:
            return self._ask(call)

    def change(self, call: Call, next_state: Callable[[ClusterState], ClusterState | None]) -> bool:
        """Stores what `next_state` makes of the state that is stored, unless it is None: then somebody else has changed
        it. Either way the view is that of now; answers whether this changed it. Raises `Unavailable`."""
        for _ in range(ATTEMPTS):
            with self._asking:
                wanted = next_state(self._ask(call).state)
                if wanted is None:
                    return False
                asked = self._runtime.monotonic()
                if self._store.replace(call.within(ASK_SECONDS), wanted):
                    self._adopt(wanted, asked)
                    return True
        raise Unavailable("the store of cache nodes (others change it all the time)")

    def take_out(self, node: str, generation: int) -> None:
        """After a failed write; in time of the process's own, so that others do not meet that node again."""
        call = Call.background(self._runtime, ASK_SECONDS * 2)
        if self.change(call, lambda state: state.taken_out(node, generation)):
            self._metrics.cache_node_changes.labels("out").inc()

    def await_leases(self, call: Call, node: str, state: NodeState) -> None:
        """Of a node that is not in: until no lease is left, wherever it is held, under which it was. Raises
        `DeadlineExceeded` at once where the call has not that much time."""
        now = self._runtime.monotonic()
        left = self.wait_seconds - (now - self._failed_since.get((node, state.failed_generation), now))
        if left <= 0:
            return
        if left > call.remaining():
            raise DeadlineExceeded
        with waiting():
            self._runtime.sleep(left)

    def seconds_in(self, node: str, state: NodeState) -> float:
        """For how long, at least, the node has been in this state: since this process has known."""
        now = self._runtime.monotonic()
        return now - self._since.get((node, state), now)

    def _ask(self, call: Call) -> View:
        asked = self._runtime.monotonic()
        state = self._store.read(call.within(ASK_SECONDS))
        if state is None:
            raise Unavailable("the store of cache nodes (it names none yet)")
        return self._adopt(state, asked)

    def _adopt(self, state: ClusterState, asked: float) -> View:
        now = self._runtime.monotonic()
        view, until = self._held or (None, 0.0)
        if view is None or state.version > view.state.version:
            self._since = {key: self._since.get(key, now) for key in state.nodes.items()}
            failed = [(name, node.failed_generation) for name, node in state.nodes.items() if not node.is_in]
            self._failed_since = {key: self._failed_since.get(key, now) for key in failed}
            view, until = self._made(state, now), 0.0
        self._held = (view, max(until, asked + self.lease_seconds))
        return view

    def _made(self, state: ClusterState, now: float) -> View:
        return View(
            state,
            self._placing(state.read_by),
            self._placing(state.written_by) if state.written_by else None,
            {name: zlib.crc32(f"{name} {node.generation}".encode()) for name, node in state.nodes.items()},
            now,
        )

    def _placing(self, history: History) -> Placing:
        return Placing([(self._ring(members.nodes), members.since) for members in history])

    def _ring(self, nodes: tuple[str, ...]) -> Ring | None:
        """Made once: one for each of the few memberships that are remembered."""
        if not nodes:
            return None
        ring = self._rings.get(nodes)
        if ring is None:
            if len(self._rings) > 2 * MAX_RINGS:
                self._rings.clear()
            ring = self._rings[nodes] = Ring(nodes)
        return ring
