"""Members of the cache change: in three phases, in which what is written goes to the old owner and to the new one."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from murmuration_server.cache.cluster_state import MAX_RINGS, REMEMBERED_MS, ClusterState, Phase
from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.sharding.memcached_ring import Ring
from tests.protocols.history import History
from tests.protocols.nodes_bench import PORT_CALLS, NodesBench, Process, moves_to, run

OLD, NEW = ("a:1", "b:2"), ("a:1", "b:2", "c:3")
ID = moves_to("c:3", OLD, NEW)
STAYS = next(n for n in range(1, 100_000) if Ring(OLD).owner(n) == Ring(NEW).owner(n))
SEEDS = 30


def change_members(bench: NodesBench, *processes: Process) -> None:
    """The processes have the new configuration; nothing has happened yet."""
    for process in processes:
        process.keep()
    bench.configured = NEW


def keep_until(bench: NodesBench, process: Process, phase: Phase) -> None:
    while bench.state.phase is not phase:
        process.keep()
        bench.runtime.sleep(0.2)


def test_members_change_and_every_node_is_used() -> None:
    def main(bench: NodesBench) -> None:
        process = bench.process()
        bench.facts[ID] = b"old"
        change_members(bench, process)
        assert process.read(ID) == b"old"
        keep_until(bench, process, Phase.BEGUN)
        assert bench.state.reading == OLD
        keep_until(bench, process, Phase.SWAPPED)
        assert bench.state.reading == NEW
        keep_until(bench, process, Phase.STEADY)
        assert process.read(ID) == b"old"
        located = process.store.locate(bench.call(), ID)
        assert located is not None
        assert located.node == "c:3"
        assert bench.node("c:3")._entries

    run(1, main, OLD)


@pytest.mark.parametrize("how", ["change", "edit"])
@pytest.mark.parametrize("ahead", ["reader", "writer"])
@pytest.mark.parametrize("phase", [Phase.BEGUN, Phase.SWAPPED, Phase.STEADY])
def test_who_writes_and_who_reads_may_be_a_phase_apart(how: str, ahead: str, phase: Phase) -> None:
    """One still holds the phase before, under a lease that has just begun; both have the entry in the cache."""

    def main(bench: NodesBench) -> None:
        keeper, behind, before = (bench.process() for _ in range(3))
        bench.facts[ID] = b"old"
        change_members(bench, keeper)
        last = {Phase.BEGUN: Phase.STEADY, Phase.SWAPPED: Phase.BEGUN, Phase.STEADY: Phase.SWAPPED}[phase]
        if phase is not Phase.BEGUN:
            keep_until(bench, keeper, Phase.BEGUN)
            keep_until(bench, keeper, last)
        while bench.state.phase is last:
            behind.view.refresh(bench.call())
            bench.runtime.sleep(0.2)
            keeper.keep()
        before.view.refresh(bench.call())
        for process in (behind, before):
            assert [process.read(ID), process.read(ID)] == [b"old", b"old"]
        assert behind.view.current(bench.call()).state.phase is last
        assert before.view.current(bench.call()).state.phase is phase
        reader, writer = (before, behind) if ahead == "reader" else (behind, before)
        getattr(writer, how)(ID, b"new")
        for process in (reader, writer):
            assert process.read(ID) == b"new"

    run(1, main, OLD)


def test_a_phase_lasts_until_all_have_it() -> None:
    """Sooner, one would still write to the old owner alone while another reads at the new one."""

    def main(bench: NodesBench) -> None:
        keeper, writer, reader = (bench.process() for _ in range(3))
        bench.facts[ID] = b"old"
        change_members(bench, keeper)
        writer.view.refresh(bench.call())
        for _ in range(8):
            keeper.keep()
            bench.runtime.sleep(0.2)
        reader.view.refresh(bench.call())
        assert [reader.read(ID), reader.read(ID)] == [b"old", b"old"]
        writer.change(ID, b"new")
        assert reader.read(ID) == b"new"

    run(1, main, OLD)


def test_a_node_that_was_a_member_before_comes_back_empty() -> None:
    def main(bench: NodesBench) -> None:
        process = bench.process()
        bench.configured = NEW
        bench.facts[ID] = b"old"
        for members in (NEW, OLD, NEW):
            bench.configured = members
            process.keep()
            process.keep()
            keep_until(bench, process, Phase.STEADY)
            if members == OLD:
                process.change(ID, b"new")
            assert process.read(ID) == bench.facts[ID]

    run(1, main, NEW)


def test_after_the_states_were_lost_nodes_have_nothing_of_before() -> None:
    """Versions begin anew then, as with a database that was set up again; the nodes run on and hold what they held."""

    def main(bench: NodesBench) -> None:
        process = bench.process()
        bench.facts[ID] = b"old"
        process.keep()
        assert process.read(ID) == b"old"
        bench.facts[ID] = b"new"
        bench.states.close()
        bench.states = SqliteNodeStateStore(None, bench.runtime)
        later = bench.process()
        later.keep()
        assert later.read(ID) == b"new"

    run(1, main, NEW)


@pytest.mark.parametrize("rest_seconds", [0, REMEMBERED_MS / 1000])
def test_a_node_that_an_id_comes_back_to_has_nothing_of_it(rest_seconds: float) -> None:
    """A node stays a member all the time, and holds what was cached while the id was its own before. More changes than
    are remembered, and so long a time that what was before is forgotten."""

    def main(bench: NodesBench) -> None:
        process = bench.process()
        bench.facts[ID] = b"0"
        process.keep()
        assert process.read(ID) == b"0"
        for turn in range(MAX_RINGS):
            bench.configured = OLD if turn % 2 else NEW
            keep_until(bench, process, Phase.BEGUN)
            keep_until(bench, process, Phase.STEADY)
            assert process.read(ID) == bench.facts[ID]
            process.change(ID, b"%d" % turn)
            assert process.read(ID) == b"%d" % turn
            bench.runtime.sleep(rest_seconds)
        assert len(bench.state.read_by) == (2 if rest_seconds else MAX_RINGS)

    run(1, main, OLD)


@pytest.mark.parametrize("rest_seconds", [0, REMEMBERED_MS / 1000])
def test_what_stays_where_it_is_stays_cached(rest_seconds: float) -> None:
    """Of an id that no change moves; also where the changes before are forgotten, and it was cached after them."""
    other = next(id_ for id_ in range(100) if Ring(OLD).owner(id_) == Ring(NEW).owner(id_))

    def main(bench: NodesBench) -> None:
        process = bench.process()
        bench.facts[other] = b"kept"
        process.keep()
        for members in (NEW, OLD) if rest_seconds else ():
            bench.configured = members
            keep_until(bench, process, Phase.BEGUN)
            keep_until(bench, process, Phase.STEADY)
            bench.runtime.sleep(rest_seconds)
        assert process.read(other) == b"kept"
        held = {name: len(node._entries) for name, node in bench.nodes.items()}
        for turn in range(MAX_RINGS - 2):
            bench.configured = OLD if turn % 2 else NEW
            keep_until(bench, process, Phase.BEGUN)
            keep_until(bench, process, Phase.STEADY)
            assert process.read(other) == b"kept"
        assert {name: len(bench.node(name)._entries) for name in held} == held, "it was cached again"

    run(1, main, OLD)


def test_who_has_an_old_configuration_changes_nothing_back() -> None:
    """While a configuration is rolled out, processes with the old one start, and keep on."""

    def main(bench: NodesBench) -> None:
        process = bench.process()
        change_members(bench, process)
        keep_until(bench, process, Phase.BEGUN)
        keep_until(bench, process, Phase.STEADY)
        bench.configured = OLD
        late = bench.process()
        for _ in range(20):
            late.keep()
            bench.runtime.sleep(0.3)
        assert (bench.state.reading, bench.state.phase) == (NEW, Phase.STEADY)

    run(1, main, OLD)


def test_a_later_revision_is_followed_from_the_start_and_an_earlier_one_never() -> None:
    """As configurations are rolled out: each process is begun anew with the new one."""

    def main(bench: NodesBench) -> None:
        old = bench.process()
        old.keep()
        bench.configured, bench.revision = NEW, 1
        new = bench.process()
        keep_until(bench, new, Phase.BEGUN)
        keep_until(bench, new, Phase.STEADY)
        assert bench.state.reading == NEW
        bench.configured, bench.revision = OLD, 0
        late = bench.process()
        for _ in range(20):
            late.keep()
            bench.runtime.sleep(0.3)
        bench.configured = (*OLD, "d:4")
        for _ in range(20):
            late.keep()
            bench.runtime.sleep(0.3)
        assert (bench.state.reading, bench.state.phase, bench.state.revision) == (NEW, Phase.STEADY, 1)

    run(1, main, OLD)


def test_without_nodes_nothing_is_cached_and_nothing_comes_back() -> None:
    """What was cached before the nodes were taken away has been changed since; the nodes still hold it."""

    def main(bench: NodesBench) -> None:
        process = bench.process()
        bench.facts[ID] = b"old"
        process.keep()
        assert process.read(ID) == b"old"
        bench.configured = ()
        keep_until(bench, process, Phase.BEGUN)
        keep_until(bench, process, Phase.STEADY)
        assert process.store.locate(bench.call(), ID) is None
        process.change(ID, b"new")
        assert process.read(ID) == b"new"
        bench.configured = OLD
        keep_until(bench, process, Phase.BEGUN)
        keep_until(bench, process, Phase.STEADY)
        assert process.read(ID) == b"new"
        assert process.store.locate(bench.call(), ID) is not None

    run(1, main, OLD)


def test_a_change_is_finished_by_others_when_its_beginner_dies() -> None:
    def main(bench: NodesBench) -> None:
        beginner, other = bench.process(), bench.process()
        change_members(bench, beginner)
        keep_until(bench, beginner, Phase.BEGUN)
        keep_until(bench, other, Phase.STEADY)
        assert bench.state.reading == NEW

    run(1, main, OLD)


def test_a_change_is_seen_after_it_while_members_come_and_go() -> None:
    """Writers, editors and readers, pauses, ways that are cut; members change all the time. Readers read at once what
    moves and what stays."""

    def main(bench: NodesBench, seed: int) -> None:
        runtime = bench.runtime
        history: History[int, bytes] = History({ID: b"", STAYS: b""})
        processes = [bench.process() for _ in range(3)]
        for process in processes:
            process.keep()
        ended: list[str] = []

        def pause(*_arguments: object) -> None:
            if runtime.random.random() < 0.05:
                runtime.sleep(runtime.random.uniform(0, 4))

        runtime.hooks.update(dict.fromkeys(PORT_CALLS, pause))

        def writer(number: int) -> None:
            for turn in range(5):
                value, changed = b"%d.%d" % (number, turn), runtime.random.choice((ID, STAYS))
                work = processes[number].edit if runtime.random.random() < 0.5 else processes[number].change
                with contextlib.suppress(MurmurationError):
                    history.change(
                        f"writer {number}",
                        changed,
                        value,
                        lambda value=value, work=work, changed=changed: work(changed, value),
                    )
                runtime.sleep(runtime.random.uniform(0, 2.5))
            ended.append("writer")

        def reader(number: int) -> None:
            while not ended:
                history.read(f"reader {number}", lambda: processes[number].read_each(ID, STAYS))
                runtime.sleep(runtime.random.uniform(0, 0.4))

        def operator() -> None:
            while not ended:
                bench.configured = runtime.random.choice(
                    [members for members in (OLD, NEW, ()) if members != bench.configured]
                )
                way = runtime.random.choice(processes).way(runtime.random.choice(NEW))
                way.cut = runtime.random.random() < 0.3
                # Some changes are overtaken by the next, and some are done long before.
                runtime.sleep(runtime.random.choice([3, 12]) * runtime.random.random())
                way.cut = False

        tasks: list[Any] = [runtime.spawn("writer", lambda: writer(0))]
        tasks += [runtime.spawn(f"reader-{n}", lambda n=n: reader(n)) for n in range(3)]  # type: ignore[misc]
        tasks += [processes[n].keep_on(f"keeper-{n}", lambda: bool(ended)) for n in range(3)]
        tasks.append(runtime.spawn("operator", operator))
        for task in tasks:
            task.join()

    for seed in range(SEEDS):
        run(seed, lambda bench, seed=seed: main(bench, seed), OLD)  # type: ignore[misc]


def test_an_old_state_is_not_changed_twice() -> None:
    def main(bench: NodesBench) -> None:
        state = bench.state
        begun = state.changing_to(NEW, lambda: 5, 0)
        assert begun is not None
        assert begun.changing_to(OLD, lambda: 6, 0) is None, "one change at a time"
        assert state.changing_to(OLD, lambda: 5, 0) is None, "nothing to change"
        assert state.advanced() is None
        swapped = begun.advanced()
        assert swapped is not None
        steady = swapped.advanced()
        assert isinstance(steady, ClusterState)
        assert (steady.reading, steady.also_written, set(steady.nodes)) == (NEW, (), set(NEW))

    run(1, main, OLD)
