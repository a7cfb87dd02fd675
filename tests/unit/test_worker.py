"""Workers run their step again and again, rest when there was nothing to do, and outlive its failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from murmuration_server.platform.call import Call, Priority
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from murmuration_server.platform.worker import MAX_BACKOFF_SECONDS, STEP_SECONDS, Worker

IDLE_SECONDS = 10.0


class Step:
    """Notes when it ran, and does what the test has planned for each run."""

    def __init__(self, runtime: SimulatedRuntime, plan: Callable[[int], bool]) -> None:
        self._runtime, self._plan = runtime, plan
        self.times: list[float] = []
        self.calls: list[Call] = []

    def run_once(self, call: Call) -> bool:
        self.times.append(self._runtime.monotonic())
        self.calls.append(call)
        return self._plan(len(self.times))

    def pauses(self) -> list[float]:
        return [round(after - before, 2) for before, after in zip(self.times, self.times[1:], strict=False)]


def run(plan: Callable[[int], bool], seconds: float) -> tuple[Step, Metrics]:
    """A worker with this plan, for so long."""
    runtime, metrics, made = SimulatedRuntime(1), Metrics(), []

    def main() -> None:
        made.append(Step(runtime, plan))
        worker = Worker("worker", made[0], runtime, metrics, IDLE_SECONDS)
        runtime.sleep(seconds)
        worker.ask_to_stop()
        worker.join(STEP_SECONDS)

    runtime.run(main)
    return made[0], metrics


def test_a_busy_step_is_run_at_once_again_and_an_idle_one_after_a_rest() -> None:
    step, _ = run(lambda turn: turn < 4, seconds=25)
    assert step.pauses() == [0, 0, 0, IDLE_SECONDS, IDLE_SECONDS]


def test_a_step_that_fails_is_run_again_later_and_later() -> None:
    def plan(turn: int) -> bool:
        if turn <= 12:
            raise Unavailable("the store")
        return False

    step, metrics = run(plan, seconds=70)
    pauses = step.pauses()[:12]
    assert all(0.05 <= pause <= MAX_BACKOFF_SECONDS for pause in pauses)
    assert pauses[-1] >= MAX_BACKOFF_SECONDS / 2 > pauses[0]
    assert metrics.registry.get_sample_value("murmuration_worker_errors_total", {"worker": "worker"}) == 12
    assert len(step.times) > 12, "and goes on as before when it works again"


def test_every_step_has_a_deadline_and_is_nobodys() -> None:
    step, _ = run(lambda turn: False, seconds=25)
    for call, time in zip(step.calls, step.times, strict=True):
        assert abs(call.deadline - time - STEP_SECONDS) < 0.01
        assert (call.actor_id, call.priority) == (0, Priority.BACKGROUND)


def test_a_worker_that_is_asked_to_stop_finishes_its_step_and_begins_no_other() -> None:
    runtime, ended = SimulatedRuntime(1), []

    class Slow:
        def run_once(self, call: Call) -> bool:
            runtime.sleep(5)
            ended.append(runtime.monotonic())
            return True

    def main() -> None:
        slow: Any = Slow()
        worker = Worker("worker", slow, runtime, Metrics(), IDLE_SECONDS)
        runtime.sleep(7)
        worker.ask_to_stop()
        worker.join(60)
        stopped = runtime.monotonic()
        runtime.sleep(100)
        assert [round(end) for end in ended] == [5, 10]
        assert round(stopped) == 10

    runtime.run(main)


def test_a_resting_worker_stops_at_once() -> None:
    runtime = SimulatedRuntime(1)

    def main() -> None:
        worker = Worker("worker", Step(runtime, lambda turn: False), runtime, Metrics(), IDLE_SECONDS)
        runtime.sleep(1)
        worker.ask_to_stop()
        worker.join(60)
        assert runtime.monotonic() < 2

    runtime.run(main)
