"""Few threads work; who waits holds up nobody; nothing that was handed in is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from unittest import mock

import pytest

from murmuration_server.platform.runtime import elastic_pool
from murmuration_server.platform.runtime.elastic_pool import HELD_SECONDS, ElasticPool, allowed, waiting
from tests.process.running import until

SECONDS = 20.0
NAME = "elastic-test"


class Held:
    """Tasks that end when they are told to, and how many were under way at a time."""

    def __init__(self) -> None:
        self.end = threading.Event()
        self.under_way = self.most = 0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
        assert self.end.wait(SECONDS)
        with self._lock:
            self.under_way -= 1

    def wait_and_say_so(self) -> None:
        with waiting():
            self.wait()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is held, however long it takes."""
    monkeypatch.setattr(elastic_pool, "HELD_SECONDS", 1e9)


@pytest.mark.parametrize(
    ("working_seconds", "may"),
    [
        pytest.param([], 3, id="nobody works"),
        pytest.param([0.0, 0.01, HELD_SECONDS * 0.99], 3, id="all get on"),
        pytest.param([0.0, 0.01, HELD_SECONDS], 5, id="one is held"),
        pytest.param([HELD_SECONDS, 1.0, 5.0], 9, id="all are held"),
        pytest.param([1.0] * 60, 100, id="no more than the most"),
    ],
)
def test_for_each_that_is_held_others_may_work(working_seconds: list[float], may: int) -> None:
    assert allowed(3, 100, working_seconds) == may


@pytest.mark.usefixtures("patient")
def test_of_those_that_work_there_are_few() -> None:
    pool, threads = ElasticPool(2, 50, NAME), set()
    for done in [pool.submit(lambda: threads.add(threading.get_ident())) for _ in range(500)]:
        done.result(SECONDS)
    assert len(threads) <= 2


@pytest.mark.usefixtures("patient")
def test_who_says_that_he_waits_holds_up_nobody() -> None:
    pool, held = ElasticPool(1, 50, NAME), Held()
    waits = [pool.submit(held.wait_and_say_so) for _ in range(20)]
    assert pool.submit(lambda: "done").result(SECONDS) == "done"
    held.end.set()
    _all_done(waits)


def test_who_says_nothing_holds_up_nobody_for_long() -> None:
    pool, held = ElasticPool(1, 50, NAME), Held()
    waits = [pool.submit(held.wait) for _ in range(20)]
    assert pool.submit(lambda: "done").result(SECONDS) == "done"
    held.end.set()
    _all_done(waits)
    until("the pool to be small again", lambda: pool.limit == 1)


@pytest.mark.parametrize("way", [Held.wait, Held.wait_and_say_so])
def test_there_are_never_more_than_the_most(way: Callable[[Held], None]) -> None:
    pool, held = ElasticPool(1, 3, NAME), Held()
    waits = [pool.submit(way, held) for _ in range(20)]
    until("three to be under way", lambda: held.under_way == 3)
    held.end.set()
    _all_done(waits)
    assert held.most == 3


def test_of_what_many_hand_in_all_is_done_once() -> None:
    pool, done = ElasticPool(2, 8, NAME), []

    def work(number: int) -> int:
        if number % 3 == 0:
            with waiting():
                threading.Event().wait(0.0001)
        done.append(number)
        return number

    def hand_in(first: int) -> None:
        futures.extend((number, pool.submit(work, number)) for number in range(first, first + 1000))

    futures: list[tuple[int, Future[int]]] = []
    handing = [threading.Thread(target=hand_in, args=(first,)) for first in range(0, 4000, 1000)]
    for thread in handing:
        thread.start()
    for thread in handing:
        thread.join(SECONDS)
    assert [future.result(SECONDS) for _, future in futures] == [number for number, _ in futures]
    assert sorted(done) == list(range(4000))


def test_an_error_is_the_callers() -> None:
    pool = ElasticPool(1, 1, NAME)
    with pytest.raises(ZeroDivisionError):
        pool.submit(lambda: 1 / 0).result(SECONDS)
    assert pool.submit(lambda: 1).result(SECONDS) == 1


def test_what_is_cancelled_in_time_is_not_done() -> None:
    pool, held, done = ElasticPool(1, 1, NAME), Held(), []
    first = pool.submit(held.wait)
    until("the first to be under way", lambda: held.under_way == 1)
    second = pool.submit(done.append, 2)
    assert second.cancel()
    held.end.set()
    pool.submit(done.append, 3).result(SECONDS)
    first.result(SECONDS)
    assert done == [3]


def test_threads_that_have_nothing_to_do_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elastic_pool, "REST_SECONDS", 0.05)
    pool, held = ElasticPool(1, 9, "elastic-ends"), Held()
    waits = [pool.submit(held.wait) for _ in range(5)]
    until("three to be under way", lambda: held.under_way >= 3)
    held.end.set()
    _all_done(waits)
    until("them to end", lambda: not [one for one in threading.enumerate() if one.name.startswith("elastic-ends")])
    assert pool.submit(lambda: 1).result(SECONDS) == 1


@pytest.mark.usefixtures("patient")
def test_where_all_others_wait_what_was_handed_in_before_is_begun() -> None:
    """The thread that waits comes back, and the queue is still somebody's."""
    pool, more = ElasticPool(1, 50, NAME), []

    def work() -> None:
        more.append(pool.submit(lambda: "done"))
        with waiting():
            assert more[0].result(SECONDS) == "done"

    pool.submit(work).result(SECONDS)


def test_those_that_are_held_for_long_hold_up_nobody_again() -> None:
    """As long as they are, and not only the first time."""
    pool, held = ElasticPool(2, 50, NAME), Held()
    waits = [pool.submit(held.wait) for _ in range(20)]
    until("all of them to be under way", lambda: held.under_way == 20)
    assert pool.limit > 20
    for _ in range(200):
        pool.submit(lambda: None).result(SECONDS)
    pool.look()
    assert pool.limit > 20
    held.end.set()
    _all_done(waits)


def test_where_there_are_no_more_threads_those_that_are_there_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pool, held = ElasticPool(2, 50, NAME), Held()
    first = pool.submit(held.wait)
    until("a thread to be there", lambda: held.under_way == 1)
    monkeypatch.setattr(threading.Thread, "start", mock.Mock(side_effect=RuntimeError("can't start new thread")))
    second = pool.submit(lambda: "done")
    held.end.set()
    first.result(SECONDS)
    assert second.result(SECONDS) == "done"
    monkeypatch.undo()
    assert pool.submit(lambda: "more").result(SECONDS) == "more"


def test_elsewhere_nobody_need_know_who_waits() -> None:
    with waiting():
        pass


def _all_done(futures: list[Future[None]]) -> None:
    for future in futures:
        future.result(SECONDS)
