"""Reading through the cache: one look-up, one load, and a sick cache is only a miss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from murmuration_server.cache import cache as module
from murmuration_server.cache.cache import LOADING_SECONDS, Cache
from murmuration_server.cache.entries import Entry, Kind
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from tests.support.port_wrapper import Unfilled
from tests.support.scheduled import Scheduled

METRICS = Metrics()
EVEN = 0


class Bench:
    """A cache over what is even: an id's value is its square. `loads`: the ids of each load."""

    def __init__(
        self, runtime: SimulatedRuntime, sick: tuple[str, ...] = (), unfilled: tuple[str, ...] = (), done: bool = False
    ) -> None:
        self.runtime, self.call = runtime, Call.background(runtime, 600)
        self.memory = MemoryCache(runtime)
        self.asked: list[str] = []
        self._sick = sick
        store: Any = Scheduled(Unfilled(self.memory, *unfilled, done=done), runtime, "cache", self._ask)
        self.cache = Cache(store, runtime, METRICS)
        self.loads: list[list[int]] = []
        self.load_seconds, self.faults = 0.0, 0
        self.kind = self.kind_of("square")

    def kind_of(self, name: str, version: int = 1, **more: Any) -> Kind[int]:
        return Kind(name, version, 60.0, self._load, lambda value: b"%d" % value, int, **more)

    def get(self, *ids: int) -> dict[int, int]:
        found = self.cache.get_many(self.call, [Entry(self.kind, id_) for id_ in ids])
        return {entry.id: value for entry, value in found.items()}

    def at_once(self, times: int, work: Callable[[], None]) -> None:
        tasks = [self.runtime.spawn(f"task {number}", work) for number in range(times)]
        for task in tasks:
            task.join()

    def _load(self, call: Call, ids: Sequence[int]) -> dict[int, int]:
        self.loads.append(list(ids))
        self.runtime.sleep(self.load_seconds)
        if self.faults:
            self.faults -= 1
            raise Unavailable("the store")
        return {id_: id_ * id_ for id_ in ids if id_ % 2 == EVEN}

    def _ask(self, label: str) -> None:
        method = label.removeprefix("cache.")
        if method.endswith(" done"):
            return
        self.asked.append(method)
        if method in self._sick:
            raise Unavailable("the cache")


def run(main: Callable[[Bench], None], seeds: int = 1, **how: Any) -> None:
    for seed in range(seeds):
        runtime = SimulatedRuntime(seed)
        runtime.run(lambda runtime=runtime: main(Bench(runtime, **how)))


def test_what_is_loaded_is_kept() -> None:
    def main(bench: Bench) -> None:
        assert bench.get(2, 4) == bench.get(4, 2) == {2: 4, 4: 16}
        assert bench.loads == [[2, 4]]

    run(main)


def test_a_page_of_hits_asks_the_cache_once() -> None:
    def main(bench: Bench) -> None:
        bench.get(2, 4, 6)
        bench.asked.clear()
        assert len(bench.get(2, 4, 6, 2)) == 3
        assert bench.asked == ["get_many"]

    run(main)


def test_only_what_misses_is_loaded_and_all_of_it_at_once() -> None:
    def main(bench: Bench) -> None:
        bench.get(2)
        assert bench.get(2, 4, 6) == {2: 4, 4: 16, 6: 36}
        assert bench.loads == [[2], [4, 6]]

    run(main)


def test_what_does_not_exist_is_left_out_and_looked_for_again() -> None:
    def main(bench: Bench) -> None:
        assert bench.get(1, 2) == {2: 4}
        assert bench.cache.get(bench.call, bench.kind, 1) is None
        assert bench.loads == [[1, 2], [1]]

    run(main)


def test_many_at_once_are_served_by_one_load() -> None:
    def main(bench: Bench) -> None:
        bench.load_seconds = 1.0
        bench.at_once(5, lambda: (bench.get(2), None)[1])
        assert bench.loads == [[2]]

    run(main, seeds=20)


def test_a_load_that_fails_fails_for_who_leads_it_only() -> None:
    def main(bench: Bench) -> None:
        bench.load_seconds, bench.faults = 1.0, 1
        answers: list[Any] = []

        def read() -> None:
            try:
                answers.append(bench.get(2))
            except Unavailable as error:
                answers.append(type(error))

        bench.at_once(3, read)
        assert sorted(map(str, answers)) == sorted(map(str, [Unavailable, {2: 4}, {2: 4}]))
        assert bench.get(2) == {2: 4}

    run(main, seeds=20)


def test_what_another_process_is_loading_is_a_miss() -> None:
    def main(bench: Bench) -> None:
        bench.memory.add_many(bench.call, {bench.kind.key(2): b"Lnonce"}, LOADING_SECONDS)
        assert bench.get(2) == {2: 4}
        assert bench.memory.get_many(bench.call, [bench.kind.key(2)])[bench.kind.key(2)].value == b"Lnonce"

    run(main)


def test_a_process_that_died_while_loading_stops_nobody_for_long() -> None:
    def main(bench: Bench) -> None:
        bench.memory.add_many(bench.call, {bench.kind.key(2): b"Lnonce"}, LOADING_SECONDS)
        bench.runtime.sleep(LOADING_SECONDS)
        assert [bench.get(2), bench.get(2)] == [{2: 4}] * 2
        assert bench.loads == [[2]]

    run(main)


@pytest.mark.parametrize("unfilled", [("add_many",), ("cas_many",), ("add_many", "cas_many")])
def test_a_cache_that_cannot_be_filled_slows_and_fails_nothing(unfilled: tuple[str, ...]) -> None:
    def main(bench: Bench) -> None:
        assert [bench.get(2), bench.get(2)] == [{2: 4}] * 2
        assert len(bench.loads) == 2

    run(main, unfilled=unfilled)


def test_what_misses_is_filled_at_once() -> None:
    """However many they are, of however many kinds: a cold page waits for four answers."""

    def main(bench: Bench) -> None:
        other = bench.kind_of("other")
        entries = [Entry(kind, id_) for kind in (bench.kind, other) for id_ in range(20)]
        bench.cache.get_many(bench.call, entries)
        assert bench.asked == ["get_many", "add_many", "get_many", "cas_many"]
        assert bench.cache.held(bench.call, entries) == {entry for entry in entries if entry.id % 2 == EVEN}

    run(main)


def test_of_many_that_miss_each_is_filled_by_itself() -> None:
    """One is being loaded by another process, one is changed during the load, one does not exist."""

    def main(bench: Bench) -> None:
        bench.load_seconds = 1.0
        bench.memory.add_many(bench.call, {bench.kind.key(2): b"Lnonce"}, LOADING_SECONDS)
        reading = bench.runtime.spawn("reading", lambda: bench.get(1, 2, 4, 6))
        while not bench.loads:
            bench.runtime.sleep(0.1)
        bench.cache.delete(bench.call, bench.kind, 4)
        reading.join()
        ids = [1, 2, 4, 6]
        held = bench.memory.get_many(bench.call, [bench.kind.key(id_) for id_ in ids])
        assert {id_: held[bench.kind.key(id_)].value[:1] for id_ in ids if bench.kind.key(id_) in held} == {
            1: b"L",
            2: b"L",
            6: b"V",
        }
        assert bench.get(2, 4, 6) == {2: 4, 4: 16, 6: 36}

    run(main)


def test_a_change_that_the_cache_may_not_know_is_no_success() -> None:
    def main(bench: Bench) -> None:
        with pytest.raises(Unavailable):
            bench.cache.delete(bench.call, bench.kind, 2)
        with pytest.raises(Unavailable):
            bench.cache.overwrite(bench.call, bench.kind, 2, 5)

    run(main, sick=("delete", "set"))


def test_an_edit_changes_what_is_there_and_makes_nothing_up() -> None:
    def main(bench: Bench) -> None:
        bench.cache.edit(bench.call, bench.kind, 2, lambda value: value + 1)
        assert bench.get(2) == {2: 4}
        bench.cache.edit(bench.call, bench.kind, 2, lambda value: value + 1)
        assert bench.get(2) == {2: 5}

    run(main)


def test_an_edit_that_does_not_go_through_deletes() -> None:
    def main(bench: Bench) -> None:
        bench.get(2)

        def change(value: int) -> int:
            # Somebody else is quicker.
            bench.memory.set(bench.call, bench.kind.key(2), b"V" + bytes(8) + b"7", 60.0)
            return value + 1

        bench.cache.edit(bench.call, bench.kind, 2, change)
        assert bench.memory.get_many(bench.call, [bench.kind.key(2)]) == {}

    run(main)


def test_kinds_and_versions_have_keys_of_their_own() -> None:
    def main(bench: Bench) -> None:
        kinds = [bench.kind, bench.kind_of("square", 2), bench.kind_of("other")]
        for kind in kinds:
            assert bench.cache.get(bench.call, kind, 2) == 4
        assert len(bench.loads) == 3
        assert len({kind.key(2) for kind in kinds}) == 3

    run(main)


def test_parsed_copies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PARSED_KEPT", 2)

    def main(bench: Bench) -> None:
        bench.kind = bench.kind_of("parsed", keep_parsed=True)
        for id_ in (2, 4, 6, 8):
            bench.get(id_)
            assert bench.get(id_) == {id_: id_ * id_}
        assert len(bench.cache._parsed) == 2

    run(main)


@pytest.mark.parametrize("done", [False, True])
def test_an_edit_whose_cas_fails_deletes(done: bool) -> None:
    """Whether it went through is unknown, so neither the old value nor the new one may stay."""

    def main(bench: Bench) -> None:
        key = bench.kind.key(2)
        bench.memory.set(bench.call, key, b"V" + bytes(8) + b"4", 60.0)
        bench.cache.edit(bench.call, bench.kind, 2, lambda held: held + 1)
        assert bench.memory.get_many(bench.call, [key]) == {}

    run(main, unfilled=("cas_many",), done=done)


def test_what_is_held_is_told_without_a_load() -> None:
    def main(bench: Bench) -> None:
        entries = [Entry(bench.kind, id_) for id_ in (2, 4)]
        bench.get(2)
        bench.load_seconds = 1.0
        filling = bench.runtime.spawn("filling", lambda: bench.get(4))
        while len(bench.loads) < 2:
            bench.runtime.sleep(0.1)
        # Of 4 the cache has the placeholder of a fill under way.
        assert bench.cache.held(bench.call, entries) == {entries[0]}
        assert bench.loads == [[2], [4]]
        filling.join()
        assert bench.cache.held(bench.call, entries) == set(entries)

    run(main)
