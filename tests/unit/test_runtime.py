"""What both runtimes promise, and what the simulated one does besides: one order, one time, one seed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from murmuration_server.platform.runtime import QueueFull, Runtime, ThreadRuntime
from murmuration_server.platform.runtime.simulated import Deadlock, SimulatedRuntime
from tests.support.contract_threads import PATIENCE_SECONDS

Main = Callable[[Runtime], None]


def on_threads(main: Main) -> None:
    main(ThreadRuntime())


def in_simulation(main: Main) -> None:
    runtime = SimulatedRuntime(7)
    runtime.run(lambda: main(runtime))


@pytest.fixture(params=[on_threads, in_simulation])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    chosen: Callable[[Main], None] = request.param
    return chosen


# What both promise


def test_a_task_runs_beside_its_maker(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        done: list[int] = []
        task = runtime.spawn("child", lambda: done.append(runtime.task_id()))
        task.join(PATIENCE_SECONDS)
        assert not task.is_alive()
        assert done != [runtime.task_id()]

    run(main)


def test_a_join_waits_no_longer_than_told(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        go_on = runtime.event()
        task = runtime.spawn("child", lambda: (go_on.wait(PATIENCE_SECONDS), None)[1])
        task.join(0.001)
        assert task.is_alive()
        go_on.set()
        task.join(PATIENCE_SECONDS)
        assert not task.is_alive()

    run(main)


def test_an_event_wakes_who_waits(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        event = runtime.event()
        assert not event.is_set()
        assert not event.wait(0.001)
        runtime.spawn("child", event.set)
        assert event.wait(PATIENCE_SECONDS)
        assert event.is_set()
        event.clear()
        assert not event.wait(0)

    run(main)


def test_a_queue_is_first_in_first_out_and_bounded(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        queue: Any = runtime.queue(2)
        assert queue.get(0) is None
        assert queue.get(0.001) is None
        queue.put("a")
        queue.put("b")
        with pytest.raises(QueueFull):
            queue.put("c")
        assert [queue.qsize(), queue.get(), queue.get(0), queue.get(0)] == [2, "a", "b", None]
        runtime.spawn("child", lambda: queue.put("d"))
        assert queue.get() == "d"

    run(main)


def test_a_lock_lets_one_in_at_a_time(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        lock, inside, seen = runtime.lock(), [], []

        def work() -> None:
            for _ in range(20):
                with lock:
                    inside.append(1)
                    seen.append(len(inside))
                    runtime.checkpoint("inside")
                    inside.pop()

        tasks = [runtime.spawn(f"worker{n}", work) for n in range(3)]
        for task in tasks:
            task.join(PATIENCE_SECONDS)
        assert seen == [1] * 60

    run(main)


def test_a_lock_opens_when_its_holder_fails(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        lock = runtime.lock()
        with pytest.raises(KeyError), lock:
            raise KeyError
        with lock:
            pass

    run(main)


def test_time_passes(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        wall, steady = runtime.now_ms(), runtime.monotonic()
        runtime.sleep(0.002)
        assert runtime.monotonic() - steady >= 0.002
        assert runtime.now_ms() - wall >= 1

    run(main)


def test_tokens_have_their_size_and_differ(run: Callable[[Main], None]) -> None:
    def main(runtime: Runtime) -> None:
        tokens = {runtime.token(16) for _ in range(10)}
        assert len(tokens) == 10
        assert {len(token) for token in tokens} == {16}

    run(main)


# One seeded order


def busy(runtime: SimulatedRuntime) -> Callable[[], None]:
    """Some tasks that meet at a lock, a queue and an event, and roll dice."""

    def main() -> None:
        lock, queue, done = runtime.lock(), runtime.queue(0), runtime.event()

        def work(name: str) -> None:
            for _ in range(5):
                runtime.checkpoint(f"{name} rolls {runtime.random.randrange(100)}")
                with lock:
                    runtime.checkpoint(f"{name} is in, {runtime.token(2).hex()}")
                queue.put(name)
                runtime.sleep(runtime.random.random())

        def drain() -> None:
            for _ in range(15):
                runtime.checkpoint(f"got {queue.get()}")
            done.set()

        for n in range(3):
            runtime.spawn(f"worker{n}", lambda n=n: work(f"w{n}"))
        runtime.spawn("drain", drain)
        assert done.wait(100)
        runtime.checkpoint("end")

    return main


def trace_of(seed: int) -> list[str]:
    runtime = SimulatedRuntime(seed)
    runtime.run(busy(runtime))
    return runtime.trace


def test_the_same_seed_gives_the_same_run() -> None:
    first = trace_of(1)
    assert trace_of(1) == first
    assert len(first) > 40


def test_other_seeds_give_other_runs() -> None:
    assert len({tuple(trace_of(seed)) for seed in range(8)}) == 8


def test_every_order_of_two_tasks_is_found() -> None:
    orders = set()
    for seed in range(40):
        runtime, order = SimulatedRuntime(seed), []

        def work(name: str, runtime: SimulatedRuntime = runtime, order: list[str] = order) -> None:
            for _ in range(2):
                runtime.checkpoint(name)
                order.append(name)

        def main(runtime: SimulatedRuntime = runtime, work: Callable[[str], None] = work) -> None:
            tasks = [runtime.spawn(name, lambda name=name: work(name)) for name in "ab"]
            for task in tasks:
                task.join()

        runtime.run(main)
        orders.add("".join(order))
    assert orders == {"aabb", "abab", "abba", "baab", "baba", "bbaa"}


# One time


def test_time_moves_only_when_all_wait() -> None:
    runtime, order = SimulatedRuntime(3), []

    def sleeper() -> None:
        runtime.sleep(1)
        order.append("slept")

    def main() -> None:
        task = runtime.spawn("sleeper", sleeper)
        for _ in range(200):
            runtime.checkpoint("busy")
        order.append("busy no more")
        task.join()

    runtime.run(main)
    assert order == ["busy no more", "slept"]


def test_sleeping_takes_no_time_of_ours() -> None:
    runtime = SimulatedRuntime(3, start_ms=1000)

    def main() -> None:
        runtime.sleep(86_400)
        assert 86_400 <= runtime.monotonic() < 86_401
        assert runtime.now_ms() - 1000 == int(runtime.monotonic() * 1000)

    runtime.run(main)


def test_who_sleeps_less_wakes_first() -> None:
    runtime, woken = SimulatedRuntime(3), []

    def main() -> None:
        tasks = [runtime.spawn(f"s{n}", lambda n=n: (runtime.sleep(n), woken.append(n))[1]) for n in (3, 1, 2)]
        for task in tasks:
            task.join()

    runtime.run(main)
    assert woken == [1, 2, 3]


def test_the_clock_may_be_set_forward() -> None:
    runtime = SimulatedRuntime(3)

    def main() -> None:
        event = runtime.event()
        runtime.advance(100)
        assert runtime.monotonic() >= 100
        assert not event.wait(1)
        assert runtime.monotonic() >= 101

    runtime.run(main)


# Ends


@contextmanager
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_a_deadlock_is_told() -> None:
    runtime = SimulatedRuntime(3)

    def main() -> None:
        one, other = runtime.lock(), runtime.lock()

        def child() -> None:
            with other:
                runtime.sleep(1)
                with one:
                    pass

        with one:
            runtime.spawn("child", child)
            runtime.sleep(1)
            with other:
                pass

    with no_threads_left(), pytest.raises(Deadlock, match=r"child.*main|main.*child"):
        runtime.run(main)


def test_waiting_for_nobody_is_a_deadlock() -> None:
    for wait in (lambda runtime: runtime.event().wait(), lambda runtime: runtime.queue(1).get()):
        runtime = SimulatedRuntime(3)
        with pytest.raises(Deadlock, match="main"):
            runtime.run(lambda runtime=runtime, wait=wait: wait(runtime))


def test_waiting_outside_of_a_run_is_told() -> None:
    with pytest.raises(Deadlock, match="outside"):
        SimulatedRuntime(3).event().wait()


def test_what_a_task_raises_comes_out() -> None:
    runtime = SimulatedRuntime(3)

    def main() -> None:
        runtime.spawn("child", lambda: {}["lost"])
        runtime.event().wait(10)

    with no_threads_left(), pytest.raises(KeyError, match="lost"):
        runtime.run(main)


def test_what_main_raises_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        SimulatedRuntime(3).run(lambda: 1 // 0)


def test_a_run_that_does_not_end_is_stopped() -> None:
    runtime = SimulatedRuntime(3)

    def main() -> None:
        while True:
            runtime.checkpoint("again")

    with no_threads_left(), pytest.raises(TimeoutError, match="50 steps"):
        runtime.run(main, max_steps=50)


def test_tasks_end_with_main_and_tidy_up() -> None:
    runtime, tidied = SimulatedRuntime(3), []

    def child() -> None:
        try:
            runtime.event().wait()
        finally:
            tidied.append(1)

    def main() -> None:
        for n in range(3):
            runtime.spawn(f"child{n}", child)
        runtime.sleep(1)

    with no_threads_left():
        runtime.run(main)
    assert tidied == [1, 1, 1]


def test_a_checkpoint_outside_of_a_run_is_nothing() -> None:
    runtime = SimulatedRuntime(3)
    runtime.checkpoint("x")
    runtime.sleep(1)
    assert (runtime.trace, runtime.task_id()) == ([], 0)
