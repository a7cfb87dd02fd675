"""A node that fails is left alone for a while; one caller tries for all when that is over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from murmuration_server.cache.breaker import LONGEST_PAUSE_SECONDS, Breaker
from tests.support.contract_clock import SetClock

PAUSE = 10.0


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def breaker(clock: SetClock) -> Breaker:
    return Breaker(clock, 3, PAUSE)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_failures_in_a_row_open_it(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.allows()
    breaker.succeeded()
    fail(breaker, 2)
    assert breaker.allows()
    breaker.failed()
    assert not breaker.allows()


def test_one_tries_at_the_end_of_the_pause(breaker: Breaker, clock: SetClock) -> None:
    fail(breaker, 3)
    clock.pass_time(PAUSE)
    assert [breaker.allows() for _ in range(5)] == [True, False, False, False, False]
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(5))


def test_whoever_tries_and_never_answers_blocks_nobody_for_ever(breaker: Breaker, clock: SetClock) -> None:
    fail(breaker, 3)
    for _ in range(3):
        clock.pass_time(PAUSE)
        assert breaker.allows()


def pause_of(clock: SetClock, allows: Callable[[], bool]) -> float:
    began = clock.monotonic()
    while not allows():
        clock.pass_time(0.5)
    return clock.monotonic() - began


def test_the_pause_doubles_up_to_a_bound(breaker: Breaker, clock: SetClock) -> None:
    fail(breaker, 3)
    pauses = []
    for _ in range(12):
        pauses.append(pause_of(clock, breaker.allows))
        breaker.failed()
    assert PAUSE / 2 <= pauses[0] <= PAUSE + 1
    assert max(pauses) <= LONGEST_PAUSE_SECONDS + 1
    assert min(pauses[4:]) >= LONGEST_PAUSE_SECONDS / 2


def test_two_processes_do_not_come_back_together(clock: SetClock) -> None:
    pauses = set()
    for _ in range(5):
        breaker = Breaker(clock, 1, 1000.0)
        breaker.failed()
        pauses.add(round(pause_of(clock, breaker.allows), 1))
    assert len(pauses) > 1
