"""Processes that read and change facts over one store and cache nodes that fail, under the simulated runtime.

A node is a `MemoryCache`, one for all processes; the way to it is each process's own, and may be cut.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

from murmuration_server.cache.cache import Cache
from murmuration_server.cache.cluster import ClusterCache
from murmuration_server.cache.cluster_state import ClusterState
from murmuration_server.cache.cluster_view import ClusterView
from murmuration_server.cache.entries import Kind
from murmuration_server.cache.keeper import ClusterKeeper, Wanted
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.cache.port import CacheKey, Replacement
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.errors import MurmurationError, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.sharding.memcached_ring import Ring
from tests.support.sim_ports import ScheduledPort
from tests.support.sim_runtime import DirectedRuntime

METRICS = Metrics()
CALL_SECONDS = 600.0
KEEP_SECONDS = 0.3
SETTINGS = MemcachedSettings(breaker_failures=1_000_000)
"""The breaker only makes misses, which would hide what is looked for here."""


PORT_CALLS = [
    *("nodes.read", "nodes.replace", "facts.read", "facts.write"),
    *("node.delete", "node.get_many", "node.add_many", "node.add", "node.cas_many", "node.cas"),
]
"""In front of all these a test may stop a process; `node.add` and `node.cas` are of one key of many."""


class Way:
    """One process's way to one node: cut, every call fails; `deaf`, it is done and the answer is lost.

    What is written at once comes to the node key by key: others come in between, and the way may be cut half-way.
    """

    def __init__(self, node: Any, runtime: DirectedRuntime) -> None:
        self._node, self._runtime = node, runtime
        self.cut = self.deaf = False

    def add_many(self, call: Call, values: Mapping[CacheKey, bytes], ttl_seconds: float) -> Set[CacheKey]:
        one_by_one = (self._node.add_many(call, {key: value}, ttl_seconds) for key, value in values.items())
        return self._each("add", one_by_one)

    def cas_many(self, call: Call, replacements: Mapping[CacheKey, Replacement]) -> Set[CacheKey]:
        return self._each("cas", (self._node.cas_many(call, {key: new}) for key, new in replacements.items()))

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            if self.cut:
                raise Unavailable("the cache node (cut off)")
            answer = getattr(self._node, method)(*arguments)
            if self.deaf:
                raise Unavailable("the cache node (no answer)")
            return answer

        return run

    def _each(self, what: str, one_by_one: Iterable[Set[CacheKey]]) -> Set[CacheKey]:
        done: set[CacheKey] = set()
        steps = iter(one_by_one)
        while True:
            self._runtime.before(f"node.{what}", ())
            if self.cut:
                raise Unavailable("the cache node (cut off)")
            step = next(steps, None)
            if step is None:
                break
            done |= step
        if self.deaf:
            raise Unavailable("the cache node (no answer)")
        return done


class NodesBench:
    """To be made inside of a simulation. `facts` is the store: what each id holds."""

    def __init__(self, runtime: DirectedRuntime, nodes: Sequence[str] = ("a:1",)) -> None:
        self.runtime, self.configured, self.revision = runtime, tuple(nodes), 0
        self.states = SqliteNodeStateStore(None, runtime)
        self.nodes: dict[str, MemoryCache] = {}
        self.facts: dict[int, bytes] = {}

    def call(self, seconds: float = CALL_SECONDS) -> Call:
        return Call.background(self.runtime, seconds)

    def process(self) -> Process:
        return Process(self)

    def node(self, name: str) -> MemoryCache:
        return self.nodes.setdefault(name, MemoryCache(self.runtime))

    @property
    def state(self) -> ClusterState:
        found = self.states.read(self.call())
        assert found is not None
        return found

    def is_in(self, node: str = "a:1") -> bool:
        return self.state.nodes[node].is_in

    def await_state(self, wanted: Callable[[ClusterState], bool], what: str) -> None:
        self.runtime.wait_for(lambda: wanted(self.state), what, 120)

    def close(self) -> None:
        self.states.close()


class Process:
    """What one process has for itself. Without `keeper.run_once` nobody lets nodes in again for it."""

    def __init__(self, bench: NodesBench) -> None:
        self.bench, self.runtime = bench, bench.runtime
        self.ways: dict[str, Way] = {}
        self.states: Any = ScheduledPort("nodes", bench.states, bench.runtime)
        self._facts: Any = ScheduledPort("facts", _Facts(bench), bench.runtime)
        self.view = ClusterView(self.states, bench.runtime, METRICS)
        self.store = ClusterCache(self.view, self._connect, bench.runtime, METRICS, SETTINGS)
        self.cache = Cache(self.store, bench.runtime, METRICS)
        self.keeper = ClusterKeeper(
            self.view, self.states, self.store, lambda: Wanted(bench.configured, bench.revision), bench.runtime, METRICS
        )
        self.kind: Kind[bytes] = Kind("fact", 1, 3600, self._load, encode=bytes, decode=bytes)

    def way(self, node: str = "a:1") -> Way:
        return self.ways.setdefault(node, Way(self.bench.node(node), self.runtime))

    def keep(self) -> None:
        self.keeper.run_once(self.bench.call())

    def keep_until_in(self, node: str = "a:1") -> None:
        while not self.bench.is_in(node):
            self.keep()
            self.runtime.sleep(KEEP_SECONDS)

    def keep_on(self, name: str, until: Callable[[], bool]) -> Any:
        def task() -> None:
            while not until():
                with contextlib.suppress(MurmurationError):
                    self.keep()
                self.runtime.sleep(KEEP_SECONDS)

        return self.runtime.spawn(name, task)

    def read(self, ring_id: int) -> bytes:
        return self.read_each(ring_id)[ring_id]

    def read_each(self, *ring_ids: int) -> dict[int, bytes]:
        found = self.cache.get_each(self.bench.call(), self.kind, ring_ids)
        return {ring_id: found.get(ring_id, b"") for ring_id in ring_ids}

    def change(self, ring_id: int, value: bytes) -> None:
        """The store write, then the entry's end; returns when it is done."""
        call = self.bench.call()
        self._facts.write(call, ring_id, value)
        self.cache.delete(call, self.kind, ring_id)

    def edit(self, ring_id: int, value: bytes) -> None:
        """The same, with the entry replaced in place."""
        call = self.bench.call()
        self._facts.write(call, ring_id, value)
        self.cache.edit(call, self.kind, ring_id, lambda _held: value)

    def _load(self, call: Call, ids: Sequence[int]) -> Mapping[int, bytes]:
        return {ring_id: self._facts.read(call, ring_id) for ring_id in ids}

    def _connect(self, node: str) -> Any:
        return _Link("node", self.way(node), self.runtime)


class _Link(ScheduledPort):
    def close(self) -> None:
        """There is nothing to end."""


class _Facts:
    def __init__(self, bench: NodesBench) -> None:
        self._bench = bench

    def read(self, call: Call, ring_id: int) -> bytes:
        return self._bench.facts.get(ring_id, b"")

    def write(self, call: Call, ring_id: int, value: bytes) -> None:
        self._bench.facts[ring_id] = value


def moves_to(node: str, old: Sequence[str], new: Sequence[str]) -> int:
    """An id whose owner is another before, and this node then."""
    before, after = Ring(old), Ring(new)
    return next(n for n in range(1, 100_000) if after.owner(n) == node != before.owner(n))


def run(seed: int, main: Callable[[NodesBench], None], nodes: Sequence[str] = ("a:1",)) -> None:
    """Runs `main` in a simulation, with a bench whose node states are stored."""
    runtime, made = DirectedRuntime(seed), []

    def inside() -> None:
        bench = NodesBench(runtime, nodes)
        made.append(bench)
        bench.process().keep()
        main(bench)

    try:
        runtime.run(inside)
    finally:
        for bench in made:
            bench.close()
