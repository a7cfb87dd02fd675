"""What a NodeStateStore promises: one state at a time, and each made from the one before."""

from __future__ import annotations

from collections.abc import Callable

from murmuration_server.cache.cluster_state import ClusterState, NodeState, Status, first_state
from murmuration_server.cache.nodes import NodeStateStore
from murmuration_server.platform.call import Call
from tests.support.contract_adapters import NODE_STATE_STORES
from tests.support.contract_threads import at_once

ADAPTERS = NODE_STATE_STORES
FIRST = first_state(["b:2", "a:1"], lambda: 7)


def out(state: ClusterState, node: str) -> ClusterState:
    changed = state.taken_out(node, state.nodes[node].generation)
    assert changed is not None
    return changed


def test_at_first_there_is_none(store: NodeStateStore, call: Call) -> None:
    assert store.read(call) is None
    assert not store.replace(call, out(FIRST, "a:1"))
    assert store.read(call) is None


def test_a_state_comes_back_whole(store: NodeStateStore, call: Call) -> None:
    assert store.replace(call, FIRST)
    assert store.read(call) == FIRST
    assert FIRST.nodes == {"a:1": NodeState(Status.IN, 7), "b:2": NodeState(Status.IN, 7)}
    changing = FIRST.changing_to(["b:2", "c:3"], lambda: 2**40, 0)
    assert changing is not None
    for state in (changing, out(FIRST, "a:1")):
        assert store.replace(call, state) is (state is changing)
        assert store.read(call) == changing


def test_only_the_next_version_is_taken(store: NodeStateStore, call: Call) -> None:
    assert store.replace(call, FIRST)
    assert not store.replace(call, FIRST)
    assert not store.replace(call, out(out(FIRST, "a:1"), "b:2"))
    assert store.read(call) == FIRST


def test_one_of_many_changes_at_once_succeeds(open_store: Callable[[], NodeStateStore], call: Call) -> None:
    stores = [open_store(), open_store()]
    assert stores[0].replace(call, FIRST)
    wanted = [out(FIRST, "a:1"), out(FIRST, "b:2")] * 2
    done = at_once([lambda n=n, state=state: stores[n % 2].replace(call, state) for n, state in enumerate(wanted)])
    assert sorted(done) == [False, False, False, True]
    for store in stores:
        assert store.read(call) == wanted[done.index(True)]


def test_another_process_sees_what_was_answered(open_store: Callable[[], NodeStateStore], call: Call) -> None:
    one, other = open_store(), open_store()
    state = FIRST
    assert one.replace(call, state)
    for turn in range(6):
        assert (other, one)[turn % 2].read(call) == state
        held = state.nodes["a:1"]
        step = (state.taken_out, state.brought_back, state.readmitted)[turn % 3]
        changed = step("a:1", held.generation)
        assert changed is not None
        assert (one, other)[turn % 2].replace(call, changed)
        state = changed
