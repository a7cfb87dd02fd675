"""Looks after the cache nodes, in every process: keeps the lease fresh, lets nodes in again, carries members' changes.

What one process begins, any other may finish: each step is conditional on the state that it was decided on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from murmuration_server.cache.cluster import ClusterCache
from murmuration_server.cache.cluster_state import NodeState, Phase, Status, first_state
from murmuration_server.cache.cluster_view import ClusterView, View
from murmuration_server.cache.nodes import NodeStateStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime

log = logging.getLogger(__name__)

GENERATION_BITS = 40
"""Of a first generation, drawn at random: a node may still hold what an earlier installation left there."""
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 0.3, 60.0
"""How long a node that was taken out is left alone."""
FLAPPING_SECONDS = 300.0
"""A node that was brought back less than this ago rests twice as long as the last time."""


class Wanted(NamedTuple):
    """What is configured: the members, and how often its author has changed them."""

    nodes: tuple[str, ...]
    revision: int = 0


class ClusterKeeper:
    """A step. `wanted` answers what is configured now; it may raise `Unavailable`."""

    def __init__(
        self,
        view: ClusterView,
        store: NodeStateStore,
        cache: ClusterCache,
        wanted: Callable[[], Wanted],
        runtime: Runtime,
        metrics: Metrics,
    ) -> None:
        self._view, self._store, self._cache, self._wanted = view, store, cache, wanted
        self._runtime, self._metrics = runtime, metrics
        self._proposed: tuple[str, ...] | None = None
        self._told = self._begun = False
        self._rests: dict[tuple[str, NodeState], float] = {}
        self._last_rest: dict[str, tuple[float, float]] = {}

    def run_once(self, call: Call) -> bool:
        if not self._begun:
            self._begin(call)
        view = self._view.refresh(call)
        self._cache.forget(view.state.nodes)
        self._bring_back(call, view)
        self._readmit(call, view)
        self._advance(call, view)
        self._propose(call, view)
        return False

    def _begin(self, call: Call) -> None:
        """Once: a state that is there stays."""
        if self._store.read(call) is None:
            wanted = self._wanted()
            self._store.replace(call, first_state(wanted.nodes, self._new_generation, wanted.revision))
        self._begun = True

    def _bring_back(self, call: Call, view: View) -> None:
        out = {(name, node) for name, node in view.state.nodes.items() if node.status is Status.OUT}
        self._rests = {key: rest for key, rest in self._rests.items() if key in out}
        for name, node in sorted(out):
            rest = self._rests.setdefault((name, node), self._rest(name))
            if self._view.seconds_in(name, node) >= rest and self._cache.answers(call, name):
                self._last_rest[name] = (self._runtime.monotonic(), rest)
                self._view.change(call, lambda state, name=name, node=node: state.brought_back(name, node.generation))  # type: ignore[misc]

    def _readmit(self, call: Call, view: View) -> None:
        """A lease after it has come back: until then somebody may hold that it is out, and write past it."""
        for name, node in view.state.nodes.items():
            if node.status is not Status.BACK or self._view.seconds_in(name, node) < self._view.wait_seconds:
                continue
            if self._view.change(call, lambda state, name=name, node=node: state.readmitted(name, node.generation)):  # type: ignore[misc]
                self._metrics.cache_node_changes.labels("in").inc()

    def _rest(self, name: str) -> float:
        """Jittered, so that not all processes try at once; twice the last one where the node was back a moment ago."""
        rest = FIRST_REST_SECONDS
        ended, last = self._last_rest.get(name, (float("-inf"), 0.0))
        if self._runtime.monotonic() - ended < FLAPPING_SECONDS:
            rest = min(LONGEST_REST_SECONDS, 2 * last)
        return rest * self._runtime.random.uniform(1.0, 1.5)

    def _advance(self, call: Call, view: View) -> None:
        """A phase lasts until every lease on the one before has ended."""
        phase, version = view.state.phase, view.state.version
        if phase is Phase.STEADY or self._runtime.monotonic() - view.since < self._view.wait_seconds:
            return
        self._view.change(call, lambda state: state.advanced() if state.version == version else None)

    def _propose(self, call: Call, view: View) -> None:
        """Only where the configuration has a later revision, or what it names has changed since this process proposed
        last: while a new configuration is being rolled out, processes that still have the old one must not change
        back."""
        wanted, revision = self._wanted()
        if self._proposed is None:
            # At the start what is stored is right; somebody may have changed it since this configuration was written.
            self._proposed = wanted
        if view.state.phase is not Phase.STEADY:
            return
        if revision > view.state.revision or (wanted != self._proposed and revision == view.state.revision):
            now = self._runtime.now_ms()
            self._view.change(call, lambda state: state.changing_to(wanted, self._new_generation, now, revision))
            self._proposed = wanted
        elif set(wanted) != set(view.state.reading) and not self._told:
            self._told = True
            log.warning(
                "The cache nodes in use are %s; configured are %s. Raise memcached.revision above %d to change them.",
                ", ".join(view.state.reading) or "none",
                ", ".join(wanted) or "none",
                view.state.revision,
            )

    def _new_generation(self) -> int:
        return self._runtime.random.getrandbits(GENERATION_BITS)
