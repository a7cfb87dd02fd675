"""Ids are unique and above their parents, whatever clocks do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from murmuration_server.platform import leases
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.ids import EPOCH_MS, MAX_AHEAD_MS, MAX_ID, IdGenerator, floor_id, time_ms
from murmuration_server.platform.lease_stores.sqlite import SqliteLeaseStore, WorkerLease
from tests.support.contract_clock import START_MS, SetClock
from tests.support.contract_search import SEARCH
from tests.support.contract_threads import at_once
from tests.support.factories import id_at

MINUTE, DAY = 60_000, 86_400_000
LEASE_MS = 5 * MINUTE


class Leases:
    """The lease store, with a note of every lease it gave, and failing when told to."""

    def __init__(self, path: Path, clock: SetClock) -> None:
        self._store = SqliteLeaseStore(path, clock)
        self.given: list[WorkerLease] = []
        self.away = False

    def acquire(self, call: Call, owner: str, now_ms: int, until_ms: int) -> WorkerLease:
        self._check()
        lease = self._store.acquire(call, owner, now_ms, until_ms)
        self.given.append(lease)
        return lease

    def renew(self, call: Call, lease: WorkerLease, until_ms: int) -> WorkerLease | None:
        self._check()
        renewed = self._store.renew(call, lease, until_ms)
        if renewed is not None:
            self.given.append(renewed)
        return renewed

    def close(self) -> None:
        self._store.close()

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the lease store")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def store(tmp_path: Path, clock: SetClock) -> Iterator[Leases]:
    made = Leases(tmp_path / "leases.db", clock)
    yield made
    made.close()


@pytest.fixture
def call(clock: SetClock) -> Call:
    return Call.background(clock, 600)


@pytest.fixture
def ids(clock: SetClock, store: Leases) -> IdGenerator:
    return IdGenerator(clock, store, "one", LEASE_MS)


def assert_growing(taken: list[int]) -> None:
    assert all(first < second for first, second in itertools.pairwise(taken))


def assert_within_leases(taken: list[int], store: Leases) -> None:
    for id_ in taken:
        leases_of_its_worker = [lease for lease in store.given if lease.worker == id_ >> 12 & 1023]
        assert any(lease.from_ms <= time_ms(id_) <= lease.until_ms for lease in leases_of_its_worker)


def test_the_layout_is_milliseconds_worker_sequence(ids: IdGenerator, call: Call) -> None:
    assert [ids.next(call) for _ in range(2)] == [id_at(START_MS), id_at(START_MS, sequence=1)]
    assert time_ms(ids.next(call)) == START_MS
    assert floor_id(START_MS) == id_at(START_MS)
    assert floor_id(EPOCH_MS - 1) == floor_id(EPOCH_MS) == 0
    assert id_at(EPOCH_MS + 2**41 - 1, 1023, 4095) == MAX_ID


def test_ids_grow_with_the_clock_and_within_a_millisecond(ids: IdGenerator, clock: SetClock, call: Call) -> None:
    taken = []
    for _ in range(5):
        taken += [ids.next(call) for _ in range(3)]
        clock.ms += 1
    assert_growing(taken)
    assert [time_ms(id_) - START_MS for id_ in taken[::3]] == [0, 1, 2, 3, 4]


def test_more_than_4096_in_a_millisecond_go_on_in_the_next(ids: IdGenerator, clock: SetClock, call: Call) -> None:
    taken = [ids.next(call) for _ in range(2 * 4096 + 3)]
    assert_growing(taken)
    assert time_ms(taken[-1]) == START_MS + 2
    clock.ms += 1
    assert ids.next(call) > taken[-1]


def test_tasks_at_once_get_different_ids(ids: IdGenerator, call: Call) -> None:
    taken = at_once([lambda: [ids.next(call) for _ in range(200)]] * 4)
    assert len({id_ for some in taken for id_ in some}) == 800


@pytest.mark.parametrize("ahead_ms", [-DAY, -1, 0, 1, MAX_AHEAD_MS - 1])
def test_an_id_is_above_its_parent(ids: IdGenerator, call: Call, ahead_ms: int) -> None:
    parent = id_at(START_MS + ahead_ms, worker=1023, sequence=4095)
    taken = [ids.next(call, above=parent) for _ in range(3)]
    assert_growing([parent, *taken])
    assert time_ms(taken[-1]) <= START_MS + MAX_AHEAD_MS


def test_ids_do_not_go_back_after_a_parent_that_was_ahead(ids: IdGenerator, clock: SetClock, call: Call) -> None:
    taken = [ids.next(call), ids.next(call, above=id_at(START_MS + 10))]
    for _ in range(20):
        taken.append(ids.next(call))
        clock.ms += 1
    assert_growing(taken)


def test_a_parent_too_far_ahead_is_refused(ids: IdGenerator, store: Leases, call: Call) -> None:
    before = [ids.next(call) for _ in range(3)]
    with pytest.raises(Unavailable):
        ids.next(call, above=id_at(START_MS + MAX_AHEAD_MS))
    after = [ids.next(call) for _ in range(3)]
    assert_growing(before + after)
    assert max(lease.until_ms for lease in store.given) <= START_MS + LEASE_MS, "and holds no number until then"


def test_a_clock_that_goes_back_a_little_changes_nothing(ids: IdGenerator, clock: SetClock, call: Call) -> None:
    taken = [ids.next(call)]
    clock.ms -= MAX_AHEAD_MS
    taken += [ids.next(call) for _ in range(10)]
    assert_growing(taken)


@pytest.mark.parametrize("back_ms", [MAX_AHEAD_MS + 1, 10 * MINUTE, DAY])
def test_a_clock_that_is_set_back_makes_ids_under_another_lease(
    ids: IdGenerator, clock: SetClock, call: Call, back_ms: int
) -> None:
    before = [ids.next(call) for _ in range(3)]
    clock.ms -= back_ms
    after = [ids.next(call) for _ in range(3)]
    assert_growing(after)
    assert time_ms(after[0]) == START_MS - back_ms
    clock.ms += back_ms
    assert_growing([*after, *(again := [ids.next(call) for _ in range(3)])])
    assert len({*before, *after, *again}) == 9, "and no two are alike when the same time comes again"


def test_above_a_parent_there_are_no_ids_of_a_clock_that_was_set_back(
    ids: IdGenerator, clock: SetClock, call: Call
) -> None:
    parent = ids.next(call)
    clock.ms -= 10 * MINUTE
    with pytest.raises(Unavailable, match="clock"):
        ids.next(call, above=parent)
    assert ids.next(call) < parent


def test_a_clock_a_day_forward_and_back(ids: IdGenerator, clock: SetClock, call: Call) -> None:
    taken = []
    for moved in (0, DAY, -DAY, DAY):
        clock.ms += moved
        taken += [ids.next(call) for _ in range(3)]
    assert time_ms(taken[3]) == START_MS + DAY
    assert time_ms(taken[6]) == START_MS
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize("ms", [0, EPOCH_MS - 1])
def test_a_clock_before_the_epoch_makes_no_ids(ids: IdGenerator, clock: SetClock, call: Call, ms: int) -> None:
    clock.ms = ms
    with pytest.raises(Unavailable):
        ids.next(call)
    clock.ms = START_MS
    assert ids.next(call) == id_at(START_MS)


def test_what_failed_once_takes_nothing_twice(ids: IdGenerator, store: Leases, clock: SetClock, call: Call) -> None:
    taken = [ids.next(call) for _ in range(3)]
    clock.ms += LEASE_MS + 1
    store.away = True
    with pytest.raises(Unavailable):
        ids.next(call)
    clock.ms -= LEASE_MS + 1
    taken += [ids.next(call) for _ in range(3)]
    assert_growing(taken)


def test_an_overflow_that_fails_takes_nothing_twice(ids: IdGenerator, clock: SetClock, call: Call) -> None:
    first = ids.next(call)
    clock.ms -= MAX_AHEAD_MS
    taken = [first, *(ids.next(call) for _ in range(4095))]
    with pytest.raises(Unavailable):
        ids.next(call)
    clock.ms += 1
    taken += [ids.next(call) for _ in range(3)]
    assert_growing(taken)


def test_every_id_lies_inside_a_lease_of_its_worker(
    ids: IdGenerator, store: Leases, clock: SetClock, call: Call
) -> None:
    taken = []
    for jump in (0, 1, LEASE_MS, 1, 10 * LEASE_MS, -5, 3):
        clock.ms += jump
        taken += [ids.next(call), ids.next(call, above=id_at(clock.ms + 50))]
    assert_within_leases(taken, store)


def test_a_number_handed_over_is_used_only_above_the_last_holders_ids(
    store: Leases, clock: SetClock, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "WORKERS", 1)
    old = IdGenerator(clock, store, "old", LEASE_MS)
    taken = [old.next(call), old.next(call, above=id_at(START_MS + MAX_AHEAD_MS - 1))]
    new = IdGenerator(clock, store, "new", LEASE_MS)
    with pytest.raises(Unavailable, match="leased"):
        new.next(call)
    clock.ms += 2 * LEASE_MS
    taken.append(new.next(call))
    assert_growing(taken)
    with pytest.raises(Unavailable, match="leased"):
        old.next(call)


def test_a_holder_that_slept_through_its_lease_takes_another_number(store: Leases, clock: SetClock, call: Call) -> None:
    sleeper = IdGenerator(clock, store, "sleeper", LEASE_MS)
    first = sleeper.next(call)
    clock.ms += 2 * LEASE_MS
    other = IdGenerator(clock, store, "other", LEASE_MS)
    taken = [other.next(call), sleeper.next(call)]
    assert len({id_ >> 12 & 1023 for id_ in taken}) == 2
    assert min(taken) > first


_JUMPS = st.sampled_from([1, 7, 1000, MINUTE, LEASE_MS + 1, DAY, -1, -1000, -MINUTE, -10 * MINUTE, -DAY])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("next"), st.integers(0, 1), st.integers(1, 4)),
        st.tuples(st.just("reply"), st.integers(0, 1), st.integers(0, 100)),
        st.tuples(st.just("clock"), st.integers(0, 1), _JUMPS),
        st.tuples(st.just("restart"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("away"), st.integers(0, 1), st.integers(0, 1)),
    ),
    max_size=40,
)
_examples, _owners = itertools.count(), itertools.count()


@settings(SEARCH, max_examples=60)
@given(steps=_STEPS)
def test_two_generators_with_clocks_of_their_own_never_meet(
    store: Leases, call: Call, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int, int]]
) -> None:
    # Two numbers for two generators: numbers come round again and again.
    monkeypatch.setattr(leases, "WORKERS", 2)
    # Each example lives long after the one before: all leases of that are over.
    start = START_MS + (next(_examples) % 200) * 100 * DAY
    clocks = [SetClock(start), SetClock(start)]
    store.away, store.given = False, []

    def started(which: int) -> IdGenerator:
        return IdGenerator(clocks[which], store, f"owner{next(_owners)}", MINUTE)

    generators, own, taken = [started(0), started(1)], [[0], [0]], [0]
    for step, which, number in steps:
        if step == "clock":
            clocks[which].ms += number
        elif step == "restart":
            generators[which], own[which] = started(which), [0]
        elif step == "away":
            store.away = bool(number)
        else:
            above = taken[number % len(taken)] if step == "reply" else 0
            for _ in range(number if step == "next" else 1):
                try:
                    id_ = generators[which].next(call, above)
                except Unavailable:
                    continue
                assert above < id_ <= MAX_ID
                assert clocks[which].ms <= time_ms(id_) <= clocks[which].ms + MAX_AHEAD_MS
                own[which].append(id_)
                taken.append(id_)
    assert len(set(taken)) == len(taken)
    for mine in own:
        assert_growing(mine)
    assert_within_leases(taken[1:], store)
