"""The cache over several nodes: a consistent-hash ring says which, and the states of nodes whether one may be used.

A failed read is a miss. A write that must be seen and fails, after one retry, takes its node out for all processes,
waits until nobody reads there any more, and is then done. The node comes back empty: its generation, which is part of
every key, is another. Until all know that it is back, it is written and not read. While members change, what is written
goes to the old owner and to the new one. An id that comes back to a node has other names there than it had before.

The lease is looked at within each call, so after the store write that the call makes seen. (Model-checked: a writer who
looks before his store write deletes under a generation that is no longer read.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Protocol

from murmuration_server.cache.breaker import Breaker
from murmuration_server.cache.cluster_state import Status
from murmuration_server.cache.cluster_view import ClusterView, Place, View
from murmuration_server.cache.port import Cached, CacheKey, CacheStore, Replacement, Watched
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.errors import MurmurationError, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime
from murmuration_server.sharding.placement import CacheNode, Rings

Named = dict[CacheKey, CacheKey]
"""Names of entries at one node, each with the key that everybody else knows it by."""
Write = Callable[[CacheStore, Call, Named], object]
"""What to do at one node."""
Fill = Callable[[CacheStore, Named], Set[CacheKey]]
"""The same; answers the names for which it was done."""

TRIES = 2
"""Of a write: one, and one more."""
WRITE_ROUNDS = 4
"""How often a write begins anew because a node was taken out or members changed under it."""
WRITE_SECONDS = 1.0
"""What a write to a node has at least, whatever its caller has left: a caller in a hurry must not make a node that is
well look sick. Connecting and waiting are bounded much closer, by settings."""
_MARK_SHIFT = 128


class NodeStore(CacheStore, Protocol):
    """Of one node."""

    def close(self) -> None:
        """Ends its connections; a call under way fails. It may be used again."""
        ...


@dataclass(frozen=True)
class Link:
    """The way to one node. `store` speaks to that node alone, and raises `Unavailable` where it does not answer."""

    store: NodeStore
    breaker: Breaker


class ClusterCache:
    """A `CacheStore`. `connect` makes the store of one node from its name; it connects only when it is used."""

    def __init__(
        self,
        view: ClusterView,
        connect: Callable[[str], NodeStore],
        runtime: Runtime,
        metrics: Metrics,
        settings: MemcachedSettings,
    ) -> None:
        self._view, self._connect, self._runtime = view, connect, runtime
        self._metrics, self._settings = metrics, settings
        self._lock = runtime.lock()
        self._links: dict[str, Link] = {}

    def get_many(self, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:
        if not keys:
            return {}
        try:
            view = self._view.current(call)
        except MurmurationError:
            last = self._view.last() if call.may_fall_back else None
            if last is None:
                return {}
            view = last
        found: dict[CacheKey, Cached] = {}
        for node, named in _read_at(view, keys).items():
            found.update(self._get(call, view, node, named))
        return found

    def add_many(self, call: Call, values: Mapping[CacheKey, bytes], ttl_seconds: float) -> Set[CacheKey]:
        def add(store: CacheStore, named: Named) -> Set[CacheKey]:
            return store.add_many(call, {name: values[key] for name, key in named.items()}, ttl_seconds)

        try:
            view = self._view.current(call)
        except MurmurationError:
            return frozenset()
        return self._fill(view, _read_at(view, values), add)

    def cas_many(self, call: Call, replacements: Mapping[CacheKey, Replacement]) -> Set[CacheKey]:
        """Where an entry is also written elsewhere, it is first deleted there: it must not stay as it was."""

        def cas(store: CacheStore, named: Named) -> Set[CacheKey]:
            return store.cas_many(call, {name: _of_node(replacements[key]) for name, key in named.items()})

        try:
            view = self._view.current(call)
        except MurmurationError:
            return frozenset()
        held = [
            key
            for node, named in _read_at(view, replacements).items()
            for key in named.values()
            if view.state.nodes[node].is_in and replacements[key].token >> _MARK_SHIFT == view.marks[node]
        ]
        return self._fill(view, _read_at(view, self._deleted_elsewhere(call, view, held)), cas)

    def set(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> None:
        def put(store: CacheStore, own: Call, named: Named) -> None:
            for name in named:
                store.set(own, name, value, ttl_seconds)

        self._write(call, [key], put)

    def delete(self, call: Call, key: CacheKey) -> None:
        self._write(call, [key], _delete)

    def prepend_many(self, call: Call, values: Mapping[CacheKey, bytes]) -> None:
        self._write(
            call,
            list(values),
            lambda store, own, named: store.prepend_many(own, {name: values[key] for name, key in named.items()}),
        )

    def flush(self, call: Call) -> None:
        state = self._view.current(call).state
        for node in state.nodes:
            self._link(node).store.flush(call)

    def watch(self, tokens: Mapping[CacheKey, int]) -> Watched:
        view = self._view.last()
        return _Watched(self, view, self._watched_at(view, tokens) if view else {})

    def unchanged(self, call: Call, view: View | None, at: Mapping[str, Watched]) -> bool:
        """`at`: what is watched at each node, as `view` names it."""
        try:
            return (
                bool(at)
                and self._view.current(call) is view
                and all(self._unchanged_at(call, *one) for one in at.items())
            )
        except MurmurationError:
            return False

    def locate(self, call: Call, ring_id: int) -> CacheNode | None:
        """None where there are no nodes. Raises `Unavailable` where the states are not known."""
        view = self._view.current(call)
        if view.reading.ring is None:
            return None
        *also, place = view.places(ring_id)
        state = view.state.nodes[place.node]
        return CacheNode(place.node, state.status, state.generation, also_written=also[0].node if also else "")

    def rings(self, call: Call) -> Rings | None:
        """None where there are no nodes. Raises `Unavailable` where the states are not known."""
        view = self._view.current(call)
        also = view.also_written.ring if view.also_written else None
        return None if view.reading.ring is None else Rings(view.reading.ring, also)

    def answers(self, call: Call, node: str) -> bool:
        """Whether this process reaches the node."""
        try:
            self._link(node).store.get_many(call, [CacheKey(0, "ping")])
        except MurmurationError:
            return False
        return True

    def close(self) -> None:
        with self._lock:
            links, self._links = self._links, {}
        for link in links.values():
            link.store.close()

    def forget(self, members: Mapping[str, object]) -> None:
        """Ends the connections to nodes that are no members."""
        with self._lock:
            gone = [self._links.pop(node) for node in list(self._links) if node not in members]
        for link in gone:
            link.store.close()

    def _get(self, call: Call, view: View, node: str, named: Named) -> dict[CacheKey, Cached]:
        state, link = view.state.nodes[node], self._link(node)
        if not state.is_in or not link.breaker.allows():
            return {}
        try:
            held = link.store.get_many(call, list(named))
        except MurmurationError as error:
            self._failed(link, "read", error)
            return {}
        link.breaker.succeeded()
        mark = view.marks[node] << _MARK_SHIFT
        return {named[name]: Cached(cached.value, mark | cached.token) for name, cached in held.items()}

    def _watched_at(self, view: View, tokens: Mapping[CacheKey, int]) -> dict[str, Watched]:
        """At each node at which they are read. Empty where one of them was given by another node, or in another
        generation, or where its node is not read now."""
        by_node = _read_at(view, tokens)
        for node, named in by_node.items():
            given_here = all(tokens[key] >> _MARK_SHIFT == view.marks[node] for key in named.values())
            if not (given_here and view.state.nodes[node].is_in):
                return {}
        return {
            node: self._link(node).store.watch({name: _number(tokens[key]) for name, key in named.items()})
            for node, named in by_node.items()
        }

    def _unchanged_at(self, call: Call, node: str, watched: Watched) -> bool:
        link = self._link(node)
        if not link.breaker.allows():
            return False
        try:
            unchanged = watched.unchanged(call)
        except MurmurationError as error:
            self._failed(link, "read", error)
            return False
        link.breaker.succeeded()
        return unchanged

    def _fill(self, view: View, by_node: Mapping[str, Named], work: Fill) -> Set[CacheKey]:
        """What may be left undone: nobody relies on it. Answers the keys for which it was done."""
        filled: set[CacheKey] = set()
        for node, named in by_node.items():
            state, link = view.state.nodes[node], self._link(node)
            if not state.is_in or not link.breaker.allows():
                continue
            try:
                done = work(link.store, named)
            except MurmurationError as error:
                self._failed(link, "fill", error)
                continue
            link.breaker.succeeded()
            filled.update(named[name] for name in done)
        return filled

    def _deleted_elsewhere(self, call: Call, view: View, keys: Sequence[CacheKey]) -> list[CacheKey]:
        """Those of the keys whose entries are nowhere but where they are read."""
        if view.also_written is None:
            return list(keys)
        deleted: list[CacheKey] = []
        elsewhere: dict[str, Named] = {}
        for key in keys:
            *others, _ = view.places(key.ring_id)
            for place in others:
                elsewhere.setdefault(place.node, {})[_name(view, place, key)] = key
            if not others:
                deleted.append(key)
        for node, named in elsewhere.items():
            # A fill may be left undone, and whoever edits deletes then, which waits where that is needed.
            try:
                if view.state.nodes[node].is_in and self._write_to(call, view, node, named, _delete):
                    deleted += named.values()
            except MurmurationError:
                continue
        return deleted

    def _write(self, call: Call, keys: Sequence[CacheKey], work: Write) -> None:
        """What must be seen. Begins anew, under the view of then, where a node was taken out on the way."""
        call.remaining()
        for _ in range(WRITE_ROUNDS):
            view = self._view.current(call)
            by_node: dict[str, Named] = {}
            for key in keys:
                for place in view.places(key.ring_id):
                    by_node.setdefault(place.node, {})[_name(view, place, key)] = key
            # At every node before anybody waits: those that fail together are out after one wait, and not one each.
            done = [self._write_to(call, view, node, named, work) for node, named in by_node.items()]
            if all(done):
                for node in by_node:
                    self._await_leases(call, view, node)
                return
        raise Unavailable("the cache (its nodes change all the time)")

    def _write_to(self, call: Call, view: View, node: str, named: Named, work: Write) -> bool:
        """Answers whether it is done there. If not, the node is out by now, or its state is not that of this view."""
        state = view.state.nodes[node]
        if state.status is Status.OUT or self._written(call, node, named, work):
            return True
        self._view.take_out(node, state.generation)
        return False

    def _await_leases(self, call: Call, view: View, node: str) -> None:
        """Whoever may still read there what was before: until he does not."""
        state = view.state.nodes[node]
        if not state.is_in:
            self._view.await_leases(call, node, state)

    def _written(self, call: Call, node: str, named: Named, work: Write) -> bool:
        link = self._link(node)
        own = replace(call, deadline=max(call.deadline, self._runtime.monotonic() + WRITE_SECONDS))
        for _ in range(TRIES):
            try:
                work(link.store, own, named)
            except Unavailable as error:
                self._failed(link, "write", error)
            else:
                link.breaker.succeeded()
                return True
        return False

    def _failed(self, link: Link, operation: str, error: MurmurationError) -> None:
        self._metrics.cache_node_failures.labels(operation).inc()
        if isinstance(error, Unavailable):
            link.breaker.failed()

    def _link(self, node: str) -> Link:
        link = self._links.get(node)
        if link is None:
            with self._lock:
                link = self._links.get(node)
                if link is None:
                    breaker = Breaker(
                        self._runtime, self._settings.breaker_failures, self._settings.breaker_pause_ms / 1000
                    )
                    link = self._links[node] = Link(self._connect(node), breaker)
        return link


class _Watched:
    """Nothing is known of it under another view than the one under which it was made."""

    def __init__(self, cluster: ClusterCache, view: View | None, at: Mapping[str, Watched]) -> None:
        self._cluster, self._view, self._at = cluster, view, at

    def unchanged(self, call: Call) -> bool:
        return self._cluster.unchanged(call, self._view, self._at)


def _read_at(view: View, keys: Iterable[CacheKey]) -> dict[str, Named]:
    """The nodes at which they are read; none where there are no nodes."""
    found: dict[str, Named] = {}
    places: dict[int, Place] = {}
    for key in keys:
        place = places.get(key.ring_id) or view.reading.place(key.ring_id)
        if place is None:
            return {}
        places[key.ring_id] = place
        found.setdefault(place.node, {})[_name(view, place, key)] = key
    return found


def _of_node(replacement: Replacement) -> Replacement:
    """As the node knows it: its own token."""
    return replacement._replace(token=_number(replacement.token))


def _number(token: int) -> int:
    """As the node knows it."""
    return token & ((1 << _MARK_SHIFT) - 1)


def _name(view: View, place: Place, key: CacheKey) -> CacheKey:
    generation = view.state.nodes[place.node].generation
    since = f".{place.since:x}" if place.since else ""
    return CacheKey(key.ring_id, f"{generation:x}{since}:{key.name}")


def _delete(store: CacheStore, call: Call, named: Named) -> None:
    for name in named:
        store.delete(call, name)
