"""Real Memcached nodes that die, freeze, forget, come and go under load: slower, never wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from murmuration_server.cache import memcached
from murmuration_server.cache.memcached import MemcachedNode
from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.cache.open_cluster import open_memcached
from murmuration_server.cache.port import CacheKey, Replacement
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.sharding.memcached_ring import Ring
from tests.faults.caching import Processes
from tools.stack.memcached import Memcached, start_memcached

pytestmark = pytest.mark.stack

RECOVERY_SECONDS = 10.0
"""Generous: the machine is shared. `-s` shows what it took."""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Memcached]]:
    started = start_memcached(4, tmp_path / "memcached")
    yield started
    for node in started:
        node.kill()


@pytest.fixture
def processes(nodes: list[Memcached], tmp_path: Path) -> Iterator[Processes]:
    with Processes(tmp_path, [node.address for node in nodes[:3]]) as running:
        running.wait_for_load()
        yield running
        running.wait_for_load()
        assert not running.wrong, running.wrong[0]


def used(processes: Processes, nodes: list[Memcached]) -> Memcached:
    """A node that holds something."""
    return next(node for node in nodes if processes.is_used(node.address))


def test_a_node_is_killed_and_comes_back(processes: Processes, nodes: list[Memcached]) -> None:
    node = used(processes, nodes)
    node.kill()
    processes.wait_for(lambda: not processes.all_in(), "the node out")
    processes.wait_for_load()
    node.start()
    seconds = processes.wait_for(processes.all_in, "the node in again")
    seconds += processes.wait_for(lambda: processes.is_used(node.address), "hits")
    print(f"\na killed node is used again {seconds:.1f} s after its start; {processes.refused} changes refused")
    assert seconds < RECOVERY_SECONDS
    assert processes.refused == 0


def test_a_node_is_killed_and_is_back_before_anybody_notices(processes: Processes, nodes: list[Memcached]) -> None:
    node = used(processes, nodes)
    for _ in range(3):
        node.kill()
        node.start()
        processes.wait_for_load(100, 20)
    processes.wait_for(lambda: processes.is_used(node.address), "hits")


def test_a_node_freezes_and_goes_on(processes: Processes, nodes: list[Memcached]) -> None:
    """Its connections stay open; nothing is answered; in the end it still holds all that it held."""
    node = used(processes, nodes)
    node.pause()
    processes.wait_for(lambda: not processes.all_in(), "the node out")
    processes.wait_for_load()
    node.resume()
    seconds = processes.wait_for(processes.all_in, "the node in again")
    seconds += processes.wait_for(lambda: processes.is_used(node.address), "hits")
    print(f"\na frozen node is used again {seconds:.1f} s after it goes on; {processes.refused} changes refused")
    assert seconds < RECOVERY_SECONDS
    assert processes.refused == 0


def test_all_nodes_are_killed(processes: Processes, nodes: list[Memcached]) -> None:
    for node in nodes[:3]:
        node.kill()
    processes.wait_for_load()
    for node in nodes[:3]:
        node.start()
    processes.wait_for(processes.all_in, "the nodes in again")


def test_all_is_flushed_again_and_again(processes: Processes, nodes: list[Memcached]) -> None:
    for turn in range(20):
        processes.clusters[turn % 2].cache.flush(processes.call())
        processes.wait_for_load(20, 2)


def test_a_node_is_added_and_taken_away(processes: Processes, nodes: list[Memcached]) -> None:
    addresses = tuple(node.address for node in nodes)
    for members in (addresses, addresses[1:], addresses[:3]):
        processes.nodes = members

        def settled(members: tuple[str, ...] = members) -> bool:
            state = processes.states.read(processes.call())
            return state is not None and set(state.reading) == set(state.nodes) == set(members)

        seconds = processes.wait_for(settled, "the change of members")
        print(f"\n{len(members)} members after {seconds:.1f} s")
        processes.wait_for_load()


def test_a_token_of_one_run_is_worth_nothing_in_the_next(nodes: list[Memcached]) -> None:
    """A server counts its tokens from one: the same number stands for another entry when it has been started anew."""
    runtime = ThreadRuntime()
    call, key = Call.background(runtime), CacheKey(1, "fact.1:1")
    store = MemcachedNode(nodes[0].address, runtime, MemcachedSettings())
    other = MemcachedNode(nodes[0].address, runtime, MemcachedSettings())
    assert store.add_many(call, {key: b"old"}, 60)
    token = store.get_many(call, [key])[key].token
    nodes[0].kill()
    nodes[0].start()
    assert other.add_many(call, {key: b"new"}, 60)
    (held,) = other.get_many(call, [key]).values()
    assert held.token & 0xFFFFFFFF == token & 0xFFFFFFFF, "the trap is set"
    store.close()
    other_key = CacheKey(2, "fact.1:2")
    assert other.add_many(call, {other_key: b"new"}, 60)
    (of_this_run,) = other.get_many(call, [other_key]).values()
    replacements = {key: Replacement(b"older", token, 60), other_key: Replacement(b"newer", of_this_run.token, 60)}
    assert store.cas_many(call, replacements) == {other_key}
    assert other.get_many(call, [key])[key].value == b"new"
    store.close()
    other.close()


def test_what_a_node_refuses_it_refuses_alone(nodes: list[Memcached], monkeypatch: pytest.MonkeyPatch) -> None:
    """A value above the server's own limit: its answer is an error, and those of the others are looked at still."""
    monkeypatch.setattr(memcached, "MAX_VALUE_BYTES", 2 << 20)
    runtime = ThreadRuntime()
    call, store = Call.background(runtime), MemcachedNode(nodes[0].address, runtime, MemcachedSettings())
    first, large, last = keys = [CacheKey(number, f"fact.1:{number}") for number in range(3)]
    too_large = bytes(1_500_000)
    assert store.add_many(call, {first: b"a", large: too_large, last: b"c"}, 60) == {first, last}
    store.set(call, large, b"b", 60)
    held = store.get_many(call, keys)
    replacements = {key: Replacement(b"new", held[key].token, 60) for key in keys}
    replacements[large] = replacements[large]._replace(value=too_large)
    assert store.cas_many(call, replacements) == {first, last}
    assert store.get_many(call, [first, last]).keys() == {first, last}
    store.set(call, large, b"b", 60)
    store.prepend_many(call, {first: b"1", large: too_large, last: b"3"})
    assert {key: cached.value for key, cached in store.get_many(call, keys).items()} == {first: b"1new", last: b"3new"}
    store.close()


def test_of_many_entries_those_of_a_dead_node_are_left_out(nodes: list[Memcached], tmp_path: Path) -> None:
    runtime = ThreadRuntime()
    call = Call.background(runtime)
    settings = MemcachedSettings(nodes=tuple(node.address for node in nodes[:3]))
    states = SqliteNodeStateStore(tmp_path / "states.db", runtime)
    cluster = open_memcached(lambda: settings, states, runtime, Metrics())
    cluster.keeper.run_once(call)
    keys = [CacheKey(number, f"fact.1:{number}") for number in range(60)]
    ring = Ring(settings.nodes)
    lost = {key for key in keys if ring.owner(key.ring_id) == nodes[1].address}
    assert 0 < len(lost) < len(keys)
    assert cluster.cache.add_many(call, dict.fromkeys(keys, b"old"), 60) == set(keys)
    held = cluster.cache.get_many(call, keys)
    nodes[1].kill()
    replacements = {key: Replacement(b"new", held[key].token, 60) for key in keys}
    assert cluster.cache.cas_many(call, replacements) == set(keys) - lost
    assert not cluster.cache.cas_many(call, replacements), "each token is good for once"
    assert cluster.cache.get_many(call, keys).keys() == set(keys) - lost
    other = {CacheKey(key.ring_id, f"other.1:{key.ring_id}"): b"" for key in keys}
    assert {key.ring_id for key in cluster.cache.add_many(call, other, 60)} == {key.ring_id for key in set(keys) - lost}
    cluster.cache.close()
    states.close()
