"""Protocol C: a cache node is taken out by a write that failed, and comes back under another generation.

A read that begins after a change is done sees it, whoever reads, whatever happens to nodes and to the ways there.
"""

from __future__ import annotations

import contextlib

import pytest

from murmuration_server.cache.cluster_state import NodeState, Status
from murmuration_server.cache.cluster_view import LEASE_SECONDS
from murmuration_server.cache.port import CacheKey
from murmuration_server.platform.errors import MurmurationError, Unavailable
from tests.protocols.history import History
from tests.protocols.nodes_bench import PORT_CALLS, NodesBench, Process, run

ID, OTHER = 1, 2
NODE = "a:1"
SEEDS = 60


def filled(bench: NodesBench, process: Process, value: bytes = b"old") -> None:
    """The fact is in the cache, and this process has just begun a lease."""
    bench.facts[ID] = value
    process.view.refresh(bench.call())
    assert process.read(ID) == value
    assert process.read(ID) == value


def begin(bench: NodesBench, name: str, process: Process, value: bytes) -> object:
    return bench.runtime.spawn(name, lambda: process.change(ID, value))


def test_c_a_change_is_seen_after_it_whatever_fails() -> None:
    """Writers, readers and keepers, ways that are cut, calls that pause for longer than a lease. Readers read two facts
    at once, which are filled together."""

    def main(bench: NodesBench, seed: int) -> None:
        runtime = bench.runtime
        history: History[int, bytes] = History({ID: b"", OTHER: b""})
        processes = [bench.process() for _ in range(3)]
        ended: list[str] = []

        def pause(*_arguments: object) -> None:
            if runtime.random.random() < 0.08:
                runtime.sleep(runtime.random.uniform(0, 2 * LEASE_SECONDS))

        runtime.hooks.update(dict.fromkeys(PORT_CALLS, pause))

        def writer(number: int) -> None:
            for turn in range(4):
                value, changed = b"%d.%d" % (number, turn), runtime.random.choice((ID, OTHER))
                # What raises is under way for ever.
                with contextlib.suppress(MurmurationError):
                    history.change(
                        f"writer {number}",
                        changed,
                        value,
                        lambda value=value, changed=changed: processes[number].change(changed, value),
                    )
                runtime.sleep(runtime.random.uniform(0, 2.5))
            ended.append("writer")

        def reader(number: int) -> None:
            while ended.count("writer") < 2:
                history.read(f"reader {number}", lambda: processes[number].read_each(ID, OTHER))
                runtime.sleep(runtime.random.uniform(0, 0.4))

        def trouble() -> None:
            while ended.count("writer") < 2:
                way = runtime.random.choice(processes).way()
                way.cut, way.deaf = (runtime.random.random() < 0.5, runtime.random.random() < 0.3)
                runtime.sleep(runtime.random.uniform(0, 1.5))
                way.cut = way.deaf = False
                runtime.sleep(runtime.random.uniform(0, 1.5))

        tasks = [runtime.spawn(f"writer-{n}", lambda n=n: writer(n)) for n in range(2)]  # type: ignore[misc]
        tasks += [runtime.spawn(f"reader-{n}", lambda n=n: reader(n)) for n in range(3)]  # type: ignore[misc]
        tasks += [processes[n].keep_on(f"keeper-{n}", lambda: ended.count("writer") == 2) for n in (0, 2)]
        tasks.append(runtime.spawn("trouble", trouble))
        for task in tasks:
            task.join()

    for seed in range(SEEDS):
        run(seed, lambda bench, seed=seed: main(bench, seed))  # type: ignore[misc]


def test_c_whoever_puts_a_node_out_waits_for_the_leases() -> None:
    def main(bench: NodesBench) -> None:
        reader, writer = bench.process(), bench.process()
        filled(bench, reader)
        writer.way().cut = True
        began = bench.runtime.monotonic()
        writer.change(ID, b"new")
        assert not bench.is_in()
        assert reader.read(ID) == b"new"
        assert bench.runtime.monotonic() - began >= LEASE_SECONDS

    run(1, main)


def test_c_whoever_finds_a_node_out_waits_too() -> None:
    """The first has put it out and waits; a second finds it out while a reader's lease still lives."""

    def main(bench: NodesBench) -> None:
        reader, first, second = (bench.process() for _ in range(3))
        filled(bench, reader)
        first.way().cut = True
        begin(bench, "first", first, b"new")
        bench.await_state(lambda state: not state.nodes[NODE].is_in, "the node out")
        second.change(ID, b"newer")
        assert reader.read(ID) == b"newer"

    run(1, main)


def test_c_only_the_first_failure_waits() -> None:
    def main(bench: NodesBench) -> None:
        writer = bench.process()
        filled(bench, writer)
        writer.way().cut = True
        writer.change(ID, b"new")
        began = bench.runtime.monotonic()
        for turn in range(5):
            writer.change(ID, b"%d" % turn)
        assert bench.runtime.monotonic() - began < 0.5
        assert writer.read(ID) == b"4"

    run(1, main)


def test_nodes_that_fail_together_cost_one_wait() -> None:
    """More of them than a write has rounds; a batch of fan-out writes to all nodes."""
    names = [f"{letter}:1" for letter in "abcde"]

    def main(bench: NodesBench) -> None:
        writer = bench.process()
        writer.keep()
        keys = [CacheKey(ring_id, f"head:{ring_id}") for ring_id in range(200)]
        for name in names:
            writer.way(name).cut = True
        began = bench.runtime.monotonic()
        writer.store.prepend_many(bench.call(), dict.fromkeys(keys, b"new"))
        assert not any(bench.is_in(name) for name in names)
        assert LEASE_SECONDS <= bench.runtime.monotonic() - began < 2 * LEASE_SECONDS

    run(1, main, names)


def test_of_nodes_that_are_out_the_last_to_fail_is_waited_for() -> None:
    """One failed long ago, the other just now."""
    names = ["a:1", "b:1"]

    def main(bench: NodesBench) -> None:
        writer = bench.process()
        writer.keep()
        owners = {name: next(n for n in range(1000) if _owner(writer, bench, n) == name) for name in names}
        for first, second in (names, names[::-1]):
            keys = [CacheKey(owners[name], f"head:{owners[name]}") for name in (first, second)]
            writer.way(first).cut = True
            writer.store.prepend_many(bench.call(), {keys[0]: b"new"})
            bench.runtime.sleep(LEASE_SECONDS)
            writer.way(second).cut = True
            began = bench.runtime.monotonic()
            writer.store.prepend_many(bench.call(), dict.fromkeys(keys, b"new"))
            assert bench.runtime.monotonic() - began >= LEASE_SECONDS
            for name in names:
                writer.way(name).cut = False
                writer.keep_until_in(name)

    run(1, main, names)


def _owner(process: Process, bench: NodesBench, ring_id: int) -> str:
    located = process.store.locate(bench.call(), ring_id)
    assert located is not None
    return located.node


def test_c_a_lease_counts_from_before_the_asking() -> None:
    """The answer says that the node is in, and is long on its way."""

    def main(bench: NodesBench) -> None:
        reader, writer = bench.process(), bench.process()
        filled(bench, reader)
        bench.runtime.sleep(LEASE_SECONDS)
        answered = bench.runtime.hold("slow", "nodes.read.done")
        slow = bench.runtime.spawn("slow", lambda: (reader.read(ID), None)[1])
        answered.wait()
        writer.way().cut = True
        begun = begin(bench, "writer", writer, b"new")
        bench.runtime.sleep(LEASE_SECONDS - 0.1)
        answered.open()
        slow.join()
        begun.join()  # type: ignore[attr-defined]
        assert reader.read(ID) == b"new"

    run(1, main)


def test_c_a_writer_looks_at_its_lease_after_its_store_write() -> None:
    """While it writes to the store the node is taken out, and comes back, and is filled with what was before."""

    def main(bench: NodesBench) -> None:
        reader, writer, other = (bench.process() for _ in range(3))
        filled(bench, reader)
        writer.view.refresh(bench.call())
        writing = bench.runtime.hold("writer", "facts.write")
        change = begin(bench, "writer", writer, b"new")
        writing.wait()
        other.way().cut = True
        other.change(2, b"else")
        other.way().cut = False
        other.keep_until_in()
        reader.view.refresh(bench.call())
        assert [reader.read(ID), reader.read(ID)] == [b"old", b"old"]
        writing.open()
        change.join()  # type: ignore[attr-defined]
        assert reader.read(ID) == b"new"

    run(1, main)


def test_c_a_node_comes_back_empty() -> None:
    """Cut off for one writer only, it still holds what he has changed."""

    def main(bench: NodesBench) -> None:
        reader, writer = bench.process(), bench.process()
        filled(bench, reader)
        writer.way().cut = True
        writer.change(ID, b"new")
        writer.way().cut = False
        reader.keep_until_in()
        reader.view.refresh(bench.call())
        assert reader.read(ID) == b"new"

    run(1, main)


def test_c_a_node_comes_back_a_lease_later() -> None:
    """Sooner, a second writer would write under the new generation and be done, and a reader's lease on the old one
    would still live."""

    def main(bench: NodesBench) -> None:
        reader, first, second = (bench.process() for _ in range(3))
        filled(bench, reader)
        first.way().cut = True
        begin(bench, "first", first, b"new")
        bench.await_state(lambda state: not state.nodes[NODE].is_in, "the node out")
        for _ in range(5):
            second.keep()
            bench.runtime.sleep(0.2)
        second.change(ID, b"newer")
        assert reader.read(ID) == b"newer"

    run(1, main)


def test_c_whoever_holds_that_a_node_is_out_may_be_late() -> None:
    """He has waited for the leases long ago, and writes past the node. Somebody else has let it in again, and fills."""

    def main(bench: NodesBench) -> None:
        reader, late, other = (bench.process() for _ in range(3))
        filled(bench, reader)
        other.way().cut = True
        other.change(ID, b"1")
        late.view.refresh(bench.call())
        bench.runtime.sleep(late.view.wait_seconds)
        while bench.state.nodes[NODE].status is Status.OUT:
            late.view.refresh(bench.call())
            reader.keep()
            bench.runtime.sleep(0.1)
        for _ in range(15):
            reader.keep()
            assert reader.read(ID) == b"1"
            bench.runtime.sleep(0.1)
        late.change(ID, b"2")
        assert reader.read(ID) == b"2"

    run(1, main)


def test_c_out_is_said_of_the_generation_that_failed() -> None:
    """Two writers fail on one generation; the second stands still until the node is back under the next. What he then
    says of the earlier one may not undo that."""

    def main(bench: NodesBench) -> None:
        reader, first, second, third = (bench.process() for _ in range(4))
        filled(bench, reader)
        first.way().cut = second.way().cut = True
        second.view.refresh(bench.call())
        failed = bench.runtime.hold("second", "node.delete", passes=1)
        late = begin(bench, "second", second, b"2")
        failed.wait()
        first.change(ID, b"1")
        reader.keep_until_in()
        generation = bench.state.nodes[NODE].generation
        reader.view.refresh(bench.call())
        held = reader.read(ID)
        saying = bench.runtime.hold("second", "nodes.read")
        failed.open()
        saying.wait()
        second.way().cut = False
        saying.open()
        late.join()  # type: ignore[attr-defined]
        assert bench.is_in(), held
        assert bench.state.nodes[NODE].generation == generation
        third.change(ID, b"3")
        assert reader.read(ID) == b"3"

    run(1, main)


def test_c_in_is_said_of_the_generation_that_was_out() -> None:
    """Two keepers find a node out; when the second goes on it is out for the second time."""

    def main(bench: NodesBench) -> None:
        one, slow, writer = (bench.process() for _ in range(3))
        filled(bench, one)
        generation = bench.state.nodes[NODE].generation
        writer.way().cut = True
        writer.change(ID, b"1")
        writer.way().cut = False
        slow.keep()
        bench.runtime.sleep(2 * LEASE_SECONDS)
        deciding = bench.runtime.hold("slow", "node.get_many")
        late = bench.runtime.spawn("slow", slow.keep)
        deciding.wait()
        one.keep_until_in()
        writer.view.refresh(bench.call())
        writer.way().cut = True
        writer.change(ID, b"2")
        deciding.open()
        late.join()
        assert bench.state.nodes[NODE] == NodeState(Status.OUT, generation + 1)

    run(1, main)


def test_without_an_answer_a_node_is_not_used() -> None:
    def main(bench: NodesBench) -> None:
        process = bench.process()
        filled(bench, process)
        bench.facts[ID] = b"new"
        bench.runtime.hooks["nodes.read"] = _is_away
        assert process.read(ID) == b"old", "the lease still holds"
        bench.runtime.sleep(LEASE_SECONDS)
        assert process.read(ID) == b"new"
        with pytest.raises(Unavailable):
            process.change(ID, b"newer")
        bench.runtime.hooks.clear()
        bench.runtime.sleep(1)
        process.change(ID, b"newest")
        assert process.read(ID) == b"newest"

    run(1, main)


def test_a_call_without_time_for_the_wait_fails_at_once() -> None:
    def main(bench: NodesBench) -> None:
        process = bench.process()
        filled(bench, process)
        process.way().cut = True
        began = bench.runtime.monotonic()
        with pytest.raises(MurmurationError):
            process.cache.delete(bench.call(0.5), process.kind, ID)
        assert bench.runtime.monotonic() - began < 0.5
        assert not bench.is_in()

    run(1, main)


def test_a_caller_in_a_hurry_takes_no_node_out() -> None:
    def main(bench: NodesBench) -> None:
        process = bench.process()
        filled(bench, process)
        call = bench.call(0.01)
        bench.runtime.sleep(0.02)
        with pytest.raises(MurmurationError):
            process.cache.delete(call, process.kind, ID)
        assert bench.is_in()

    run(1, main)


def test_a_node_that_fails_again_and_again_rests_longer_each_time() -> None:
    def main(bench: NodesBench) -> None:
        process = bench.process()
        process.keep()
        rests = []
        for _ in range(6):
            process.view.take_out(NODE, bench.state.nodes[NODE].generation)
            out = bench.runtime.monotonic()
            process.keep_until_in()
            rests.append(bench.runtime.monotonic() - out)
        assert rests == sorted(rests)
        assert LEASE_SECONDS < rests[0] < 2 * LEASE_SECONDS
        assert rests[-1] > 10

    run(1, main)


def _is_away(*_arguments: object) -> None:
    raise Unavailable("the store of cache nodes")
