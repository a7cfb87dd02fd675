"""Protocol B: who changes relations against who fills caches with them (/docs/protocols: B1 to B4).

A read that begins after a change's ack sees the change, whoever reads and wherever; at rest every cache says what the
store says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from murmuration_server.cache.entries import Entry
from murmuration_server.graph.follower_pages import FollowerPage
from murmuration_server.graph.store import RelationKind
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from tests.protocols.history import History
from tests.protocols.relations_bench import Mender, Process, RelationsBench, simulated
from tests.support.scheduled import ProcessDied, dies_at

ALICE, BOB, CAROL = 1, 2, 3

Fact = tuple[str, int, int]
"""What a read tells: (following | blocking | blocked by, of whom, whom)."""


def run(seed: int, main: Callable[[RelationsBench], None]) -> None:
    """Runs `main` in a simulation, with a bench."""
    runtime, made = simulated(seed), []

    def inside() -> None:
        made.append(RelationsBench(runtime))
        main(made[0])

    try:
        runtime.run(inside)
    finally:
        for bench in made:
            bench.close()


# Changes, by name: how they are made, and what is then true of whom

Work = Callable[[Process, Call], None]
Effect = tuple[Fact, bool]

CHANGES: dict[str, tuple[Work, Sequence[Effect]]] = {
    "follow Bob": (lambda p, c: p.changes.follow(c, ALICE, BOB, False), [(("following", ALICE, BOB), True)]),
    "unfollow Bob": (lambda p, c: p.changes.unfollow(c, ALICE, BOB), [(("following", ALICE, BOB), False)]),
    "follow Carol": (lambda p, c: p.changes.follow(c, ALICE, CAROL, False), [(("following", ALICE, CAROL), True)]),
    "block Alice": (
        lambda p, c: p.changes.block(c, BOB, ALICE),
        [
            (("blocking", BOB, ALICE), True),
            (("blocked by", ALICE, BOB), True),
            (("following", ALICE, BOB), False),
        ],
    ),
    "unblock Alice": (
        lambda p, c: p.changes.unblock(c, BOB, ALICE),
        [(("blocking", BOB, ALICE), False), (("blocked by", ALICE, BOB), False)],
    ),
}

FACTS: list[Fact] = [
    ("following", ALICE, BOB),
    ("following", ALICE, CAROL),
    ("blocked by", ALICE, BOB),
    ("blocking", BOB, ALICE),
]


def facts(relations: Any, user_id: int) -> dict[Fact, bool]:
    held = {"following": relations.following, "blocking": relations.blocking, "blocked by": relations.blocked_by}
    return {fact: fact[2] in held[fact[0]] for fact in FACTS if fact[1] == user_id}


class Pauses:
    """A hook: now and then a process stands still, long enough for others to do much."""

    def __init__(self, runtime: SimulatedRuntime, odds: float) -> None:
        self._runtime, self._odds = runtime, odds

    def __call__(self, label: str) -> None:
        if self._odds and self._runtime.random.random() < self._odds:
            self._runtime.sleep(self._runtime.random.random() * 0.004)


class Scene:
    """Writers, readers and an evictor, each a task; two processes share the store and the cache."""

    def __init__(self, bench: RelationsBench, before: Sequence[str], pause_odds: float = 0.0) -> None:
        self.bench = bench
        pauses = Pauses(bench.runtime, pause_odds)
        self.processes = [bench.process(pauses), bench.process(pauses)]
        self.history: History[Fact, bool] = History(dict.fromkeys(FACTS, False))
        self.tasks: list[Any] = []
        for name in before:
            self.make("before", self.processes[0], bench.call(), name)

    def make(self, who: str, process: Process, call: Call, name: str) -> None:
        """One change, with all of its effects in the history."""
        work, effects = CHANGES[name]

        def nested(left: Sequence[Effect]) -> None:
            if not left:
                work(process, call)
                return
            (key, value), *rest = left
            self.history.change(who, key, value, lambda: nested(rest))

        nested(effects)

    def writer(self, number: int, names: Sequence[str], offset_ms: int) -> None:
        process = self.processes[number % 2]

        def task() -> None:
            for name in names:
                self.make(f"writer {number}", process, self.bench.call(offset_ms), name)

        self.spawn(f"writer {number}", task)

    def reader(self, number: int, times: int) -> None:
        process = self.processes[number % 2]

        def task() -> None:
            call = self.bench.call()
            for turn in range(times):
                user = BOB if turn % 3 == 2 else ALICE
                self.history.read(f"reader {number}", lambda user=user: facts(process.relations(call, user), user))

        self.spawn(f"reader {number}", task)

    def reader_of_both(self, number: int, times: int) -> None:
        """Asks for two entries at once: one is filled while the other is still being loaded."""
        process = self.processes[number % 2]

        def read() -> dict[Fact, bool]:
            kind = process.client.relations_kind
            found = process.cache.get_many(self.bench.call(), [Entry(kind, ALICE), Entry(kind, BOB)])
            return {key: value for entry, held in found.items() for key, value in facts(held, entry.id).items()}

        def task() -> None:
            for _ in range(times):
                self.history.read(f"reader {number}", read)

        self.spawn(f"reader {number}", task)

    def evictor(self, times: int) -> None:
        def task() -> None:
            for _ in range(times):
                self.bench.runtime.sleep(self.bench.runtime.random.random() * 0.004)
                self.bench.cache_store.flush(self.bench.call())

        self.spawn("evictor", task)

    def spawn(self, name: str, work: Callable[[], None]) -> None:
        self.tasks.append(self.bench.runtime.spawn(name, work))

    def end(self) -> None:
        """Waits for all, then holds every process's answer against the store."""
        for task in self.tasks:
            task.join()
        self.at_rest()

    def at_rest(self) -> None:
        call = self.bench.call()
        for user in (ALICE, BOB):
            stored = facts(self.bench.relations(user), user)
            for number, process in enumerate(self.processes):
                for turn in ("as it is", "read again"):
                    read = facts(process.relations(call, user), user)
                    assert read == stored, f"at rest process {number} ({turn}):\n" + "\n".join(self.history.told)


SCENES = {
    # before, and what each writer does
    "one pair": ([], [["follow Bob"], ["unfollow Bob"]]),
    "one pair, followed before": (["follow Bob"], [["unfollow Bob"], ["follow Bob", "unfollow Bob"]]),
    "two pairs of one user": ([], [["follow Bob"], ["follow Carol", "unfollow Bob"]]),
    "a block ends a follow": (["follow Bob"], [["block Alice"], ["follow Carol"]]),
    "blocks come and go": ([], [["block Alice", "unblock Alice"], ["follow Carol"]]),
}
SEEDS = 62


@pytest.mark.parametrize("scene", SCENES)
def test_b1_a_read_begun_after_an_ack_sees_the_change(scene: str) -> None:
    before, writers = SCENES[scene]

    def main(bench: RelationsBench, seed: int) -> None:
        made = Scene(bench, before, pause_odds=0.1 * (seed % 2))
        for number, names in enumerate(writers):
            # Clocks that differ by some milliseconds, and now and then by none.
            made.writer(number, names, offset_ms=[0, -7, 7][seed % 3] * number)
        made.reader(0, times=4)
        made.reader(1, times=4)
        made.reader_of_both(2, times=2)
        made.evictor(times=seed % 3)
        made.end()

    for seed in range(SEEDS):
        run(seed, lambda bench, seed=seed: main(bench, seed))


def test_b1_two_writers_ack_in_the_other_order() -> None:
    """The trace that broke overwriting: W1 has its relations read, W2 changes, voids and acks, then W1 goes on."""
    seen = []
    for seed in range(20):

        def main(bench: RelationsBench) -> None:
            made = Scene(bench, [])
            made.writer(0, ["follow Bob"], offset_ms=10)
            made.writer(1, ["unfollow Bob"], offset_ms=0)
            made.end()
            seen.append(bool(bench.relations(ALICE).following))

        run(seed, main)
    assert set(seen) == {True, False}, "both orders of the two were tried"


@pytest.mark.parametrize(
    ("label", "times"),
    [
        ("cache.cas_many done", 1),  # both entries are filled, and the load has not ended
        ("graph.get_relations", 2),  # Alice's relations are read, Bob's are not yet
    ],
)
def test_b1_nobody_is_served_by_a_load_that_began_before_the_ack(label: str, times: int) -> None:
    """A load of two entries stands still; a change of the first is acked; who asks then joins no such load."""

    def main(bench: RelationsBench) -> None:
        stands, left = bench.runtime.event(), [times]

        def hook(here: str) -> None:
            if here == label:
                left[0] -= 1
                if left[0] == 0:
                    stands.set()
                    bench.runtime.sleep(1)

        process, other = bench.process(hook), bench.process()
        entries = [Entry(process.client.relations_kind, user) for user in (ALICE, BOB)]
        leader = bench.runtime.spawn("leader", lambda: (process.cache.get_many(bench.call(), entries), None)[1])
        stands.wait()
        other.changes.follow(bench.call(), ALICE, CAROL, False)
        assert set(process.relations(bench.call(), ALICE).following) == {CAROL}
        leader.join()

    run(1, main)


def test_b2_a_process_parses_anew_what_was_filled_anew() -> None:
    """Two processes; two contents might share a version, never a tag."""

    def main(bench: RelationsBench) -> None:
        call = bench.call()
        one, other = bench.process(), bench.process()
        one.changes.follow(call, ALICE, BOB, False)
        for process in (one, other):
            assert set(process.relations(call, ALICE).following) == {BOB}
        first = one.relations(call, ALICE)
        assert one.relations(call, ALICE) is first, "kept as long as the entry is the same"
        # The other process changes, and fills the entry again before this one looks.
        other.changes.follow(call, ALICE, CAROL, False)
        assert set(other.relations(call, ALICE).following) == {BOB, CAROL}
        assert set(one.relations(call, ALICE).following) == {BOB, CAROL}
        # Even where the new entry is byte for byte the old one but for its tag.
        other.changes.unfollow(call, ALICE, CAROL)
        assert set(other.relations(call, ALICE).following) == {BOB}
        assert set(one.relations(call, ALICE).following) == {BOB}

    run(1, main)


def test_b2_every_fill_has_a_tag_of_its_own() -> None:
    def main(bench: RelationsBench) -> None:
        call, process = bench.call(), bench.process()
        process.changes.follow(call, ALICE, BOB, False)
        key = process.client.relations_kind.key(ALICE)
        filled = set()
        for _ in range(10):
            process.relations(call, ALICE)
            filled.add(bench.cache_store.get_many(call, [key])[key].value)
            process.changes.void(call, {ALICE})
        assert len(filled) == 10

    run(1, main)


def test_b3_an_unfollow_leaves_its_version() -> None:
    def main(bench: RelationsBench) -> None:
        process = bench.process()
        process.changes.follow(bench.call(), ALICE, BOB, False)
        process.changes.unfollow(bench.call(), ALICE, BOB)
        [row] = bench.store.get_rows(bench.call(), [(RelationKind.FOLLOW, ALICE, BOB)])
        assert row is not None
        assert not row.standing
        assert row.version >= bench.runtime.now_ms() * 1000 - 1_000_000

    run(1, main)


@pytest.mark.parametrize("slow_ms", [1, 60_000])
def test_b3_a_slow_clock_changes_what_a_fast_one_wrote(slow_ms: int) -> None:
    """Follow by a fast clock, unfollow by a fast one, refollow by a slow one: each acked, each in force."""

    def main(bench: RelationsBench) -> None:
        fast, slow = bench.process(), bench.process()
        steps: list[tuple[Process, int, str, bool]] = [
            (fast, 0, "follow", True),
            (slow, -slow_ms, "unfollow", False),
            (slow, -slow_ms, "follow", True),
            (fast, 0, "unfollow", False),
            (slow, -slow_ms, "follow", True),
            (slow, -slow_ms, "block", False),
            (fast, 0, "unblock", False),
            (slow, -slow_ms, "follow", True),
        ]
        for process, offset_ms, step, standing in steps:
            call = bench.call(offset_ms)
            more = (False,) if step == "follow" else ()
            getattr(process.changes, step)(call, ALICE, BOB, *more)
            for reader in (fast, slow):
                assert (BOB in reader.relations(bench.call(), ALICE).following) is standing, step
            [followers] = bench.store.list_followers(bench.call(), [FollowerPage(BOB, 0, 0, 9)])
            assert followers == ([ALICE] if standing else [])

    run(1, main)


def test_b3_events_in_any_order_leave_what_is_acked() -> None:
    """A slow clock's refollow has a greater version than the unfollow, so its event wins however late it comes."""

    def main(bench: RelationsBench) -> None:
        fast, slow = bench.process(), bench.process()
        fast.changes.follow(bench.call(), ALICE, BOB, False)
        fast.changes.unfollow(bench.call(), ALICE, BOB)
        rows = bench.store.get_rows(bench.call(), [(RelationKind.FOLLOW, ALICE, BOB)])
        slow.changes.follow(bench.call(-60_000), ALICE, BOB, False)
        fast.changes.repair(bench.call(), [row for row in rows if row is not None])
        assert set(slow.relations(bench.call(), ALICE).following) == {BOB}
        assert bench.store.counts(bench.call(), [ALICE, BOB]) == {ALICE: (0, 1), BOB: (1, 0)}

    run(1, main)


@pytest.mark.parametrize("label", ["graph.apply done", "cache.delete", "cache.delete done"])
@pytest.mark.parametrize("name", ["unfollow Bob", "block Alice"])
def test_b4_the_logs_consumer_mends_what_a_dead_writer_left(label: str, name: str) -> None:
    def main(bench: RelationsBench) -> None:
        made = Scene(bench, ["follow Bob"])
        call = bench.call()
        for process in made.processes:
            assert BOB in process.relations(call, ALICE).following
            process.relations(call, BOB)
        doomed = bench.process(dies_at(label))
        with pytest.raises(ProcessDied):
            CHANGES[name][0](doomed, call)
        mender = Mender(bench, made.processes[0])
        mender.run()
        made.at_rest()
        assert BOB not in made.processes[1].relations(call, ALICE).following
        mender.close()

    run(1, main)


def test_b4_at_rest_all_is_mended_whenever_writers_die() -> None:
    """Writers die anywhere, readers read on, and in the end the log's consumer has mended all."""
    points = ["graph.get_rows done", "graph.apply", "graph.apply done", "cache.delete", "cache.delete done"]

    def main(bench: RelationsBench, seed: int) -> None:
        made = Scene(bench, ["follow Bob"])
        mender = Mender(bench, made.processes[1])
        for user in (ALICE, BOB):
            made.processes[0].relations(bench.call(), user)

        def doomed() -> None:
            process = bench.process(dies_at(points[seed % len(points)]))
            try:
                made.make("doomed", process, bench.call(), ["unfollow Bob", "block Alice"][seed % 2])
            except ProcessDied:
                made.history.told.append("doomed dies")

        made.spawn("doomed", doomed)
        made.reader(0, times=3)
        made.reader(1, times=3)
        for task in made.tasks:
            task.join()
        mender.run()
        made.at_rest()
        mender.close()

    for seed in range(40):
        run(seed, lambda bench, seed=seed: main(bench, seed))
