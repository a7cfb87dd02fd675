"""Real Memcached nodes that die, freeze, forget, come and go under load: slower, never wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from murmuration_server.cache.memcached import MemcachedNode
from murmuration_server.cache.port import CacheKey
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.runtime import ThreadRuntime
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
    assert store.add(call, key, b"old", 60)
    token = store.get_many(call, [key])[key].token
    nodes[0].kill()
    nodes[0].start()
    assert other.add(call, key, b"new", 60)
    (held,) = other.get_many(call, [key]).values()
    assert held.token & 0xFFFFFFFF == token & 0xFFFFFFFF, "the trap is set"
    store.close()
    assert not store.cas(call, key, b"older", token, 60)
    assert other.get_many(call, [key])[key].value == b"new"
    store.close()
    other.close()
