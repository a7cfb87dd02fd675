"""Entries of several nodes are added and replaced at once: what happens at one node is nothing to the others' entries.

(tests/contract/test_cache_store.py has what happens to one key of many; test_cache_nodes.py the histories.)
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import pytest

from murmuration_server.cache.cluster_state import Phase
from murmuration_server.cache.port import Cached, CacheKey, Replacement
from murmuration_server.platform.errors import Unavailable
from murmuration_server.sharding.memcached_ring import Ring
from tests.protocols.nodes_bench import NodesBench, Process, run

NODES, MORE = ("a:1", "b:2"), ("a:1", "b:2", "c:3")
KEYS = [CacheKey(number, f"fact.1:{number}") for number in range(1, 21)]
AT_A = {key for key in KEYS if Ring(NODES).owner(key.ring_id) == "a:1"}
MOVES = {key for key in KEYS if Ring(MORE).owner(key.ring_id) == "c:3"}
LONG = 60.0


def add(bench: NodesBench, process: Process, value: bytes = b"old") -> set[CacheKey]:
    return set(process.store.add_many(bench.call(), dict.fromkeys(KEYS, value), LONG))


def held(bench: NodesBench, process: Process) -> Mapping[CacheKey, Cached]:
    return process.store.get_many(bench.call(), KEYS)


def replace(bench: NodesBench, process: Process, found: Mapping[CacheKey, Cached]) -> set[CacheKey]:
    wanted = {key: Replacement(b"new", cached.token, LONG) for key, cached in found.items()}
    return set(process.store.cas_many(bench.call(), wanted))


def those_with(found: Mapping[CacheKey, Cached], value: bytes) -> set[CacheKey]:
    return {key for key, cached in found.items() if cached.value == value}


def loads(bench: NodesBench, process: Process, keys: Iterable[CacheKey]) -> int:
    """How many facts it takes from the store to read these."""
    bench.runtime.seen.clear()
    bench.runtime.note("facts.read")
    process.read_each(*(key.ring_id for key in keys))
    return len(bench.runtime.seen)


def test_a_node_that_fails_costs_its_own_entries() -> None:
    def main(bench: NodesBench) -> None:
        process, other = bench.process(), bench.process()
        process.way("b:2").cut = True
        assert loads(bench, process, KEYS) == len(KEYS)
        assert loads(bench, process, AT_A) == 0
        assert loads(bench, other, KEYS) == len(KEYS) - len(AT_A)
        found = held(bench, other)
        assert replace(bench, process, found) == AT_A
        assert those_with(held(bench, other), b"new") == AT_A
        assert bench.is_in("b:2"), "a fill takes no node out"

    run(1, main, NODES)


def test_a_node_that_does_not_answer_has_stored_nobody_knows_what() -> None:
    def main(bench: NodesBench) -> None:
        process, other = bench.process(), bench.process()
        process.way("b:2").deaf = True
        assert add(bench, process) == AT_A
        found = held(bench, other)
        assert found.keys() == set(KEYS)
        assert replace(bench, process, found) == AT_A
        assert those_with(held(bench, other), b"new") == set(KEYS)

    run(1, main, NODES)


@pytest.mark.parametrize("label", ["node.add", "node.cas"])
def test_a_way_that_is_cut_half_way_leaves_nothing_wrong(label: str) -> None:
    """Of the keys of one node some are filled. Whoever asks sees what is changed after that."""

    def main(bench: NodesBench) -> None:
        process, other = bench.process(), bench.process()
        bench.facts = {key.ring_id: b"old" for key in KEYS}
        left = [3]

        def cut(*_arguments: object) -> None:
            left[0] -= 1
            process.way().cut = left[0] < 0

        bench.runtime.hooks[label] = cut
        assert process.read_each(*bench.facts) == bench.facts
        assert left[0] < 0
        process.way().cut = False
        bench.runtime.hooks.clear()
        assert other.read_each(*bench.facts) == bench.facts
        for fact in list(bench.facts):
            other.change(fact, b"new")
        for reader in (process, other, process):
            assert reader.read_each(*bench.facts) == dict.fromkeys(bench.facts, b"new")

    run(1, main)


def test_a_token_is_good_for_one_run_of_its_node() -> None:
    """One node has been started anew between the look and the replacement: it counts its tokens from one again."""

    def main(bench: NodesBench) -> None:
        process, other = bench.process(), bench.process()
        assert add(bench, process) == set(KEYS)
        found = held(bench, process)
        other.view.take_out("b:2", bench.state.nodes["b:2"].generation)
        bench.node("b:2")._tokens = itertools.count(1)
        other.keep_until_in("b:2")
        assert add(bench, other) == set(KEYS) - AT_A
        again = held(bench, process)
        assert again.keys() == set(KEYS)
        assert all(again[key].token & 0xFFFF == found[key].token & 0xFFFF for key in KEYS), "the trap is set"
        assert replace(bench, process, found) == AT_A
        assert those_with(held(bench, process), b"old") == set(KEYS) - AT_A

    run(1, main, NODES)


def test_what_is_replaced_while_members_change_is_nowhere_as_it_was() -> None:
    """What the other owner cannot be rid of is left as it is; the rest is replaced."""

    def main(bench: NodesBench) -> None:
        process = bench.process()
        add(bench, process)
        process.keep()
        bench.configured = MORE
        while bench.state.phase is not Phase.BEGUN:
            process.keep()
            bench.runtime.sleep(0.2)
        generation, since = bench.state.nodes["c:3"].generation, bench.state.written_by[-1].since
        stale = {CacheKey(key.ring_id, f"{generation:x}.{since:x}:{key.name}"): b"stale" for key in KEYS}
        elsewhere = bench.node("c:3")
        elsewhere.add_many(bench.call(), stale, LONG)
        assert replace(bench, process, held(bench, process)) == set(KEYS)
        left = {key.ring_id for key in elsewhere.get_many(bench.call(), list(stale))}
        assert left == {key.ring_id for key in KEYS} - {key.ring_id for key in MOVES}
        process.way("c:3").cut = True
        assert replace(bench, process, held(bench, process)) == set(KEYS) - MOVES
        assert not bench.is_in("c:3")
        assert replace(bench, process, held(bench, process)) == set(KEYS) - MOVES

    run(1, main, NODES)


def test_without_an_answer_nothing_is_filled() -> None:
    """Nobody says which nodes are in, or there are none."""

    def main(bench: NodesBench) -> None:
        process = bench.process()
        bench.runtime.hooks["nodes.read"] = _raise
        assert add(bench, process) == set()
        bench.runtime.hooks.clear()
        bench.runtime.sleep(1)
        assert add(bench, process) == set(KEYS)
        found = held(bench, process)
        bench.runtime.sleep(process.view.lease_seconds)
        bench.runtime.hooks["nodes.read"] = _raise
        assert replace(bench, process, found) == set()

    run(1, main, NODES)


def _raise(*_arguments: object) -> None:
    raise Unavailable("the store of cache nodes")
