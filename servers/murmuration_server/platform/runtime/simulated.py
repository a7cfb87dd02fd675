"""The runtime of simulations: one seeded scheduler decides who runs next, and time moves only when all wait.

Tasks are threads of which exactly one runs at a time: the scheduler hands it a baton and gets it back at the next
checkpoint, lock, wait or sleep. The same seed and the same program give the same order, so a run replays to the byte.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Generic, TypeVar

from murmuration_server.platform.runtime.port import Event, Lock, Queue, QueueFull, Task

T = TypeVar("T")

STEP_SECONDS = 0.000_05
"""How far the clock moves at each step, so that no two steps happen at one moment."""


class Deadlock(Exception):
    """Every task waits for something that no task will do."""


class Stopped(BaseException):
    """The simulation ended; unwinds a task that is still waiting."""


class _Task:
    def __init__(self, number: int, name: str, target: Callable[[], None], runtime: SimulatedRuntime) -> None:
        self.number, self.name, self._target, self._runtime = number, name, target, runtime
        self.baton = threading.Semaphore(0)
        self.ready: Callable[[], bool] | None = None
        self.deadline: float | None = None
        self.finished = False
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def _run(self) -> None:
        self.baton.acquire()
        try:
            if not self._runtime.stopping:
                self._target()
        except Stopped:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.finished = True
            self._runtime.returned.release()

    def runnable(self, now: float) -> bool:
        if self.ready is not None and self.ready():
            return True
        return self.deadline is not None and now >= self.deadline

    def join(self, timeout: float | None = None) -> None:
        self._runtime.wait_until(lambda: self.finished, timeout)

    def is_alive(self) -> bool:
        return not self.finished


class _SimulatedLock:
    def __init__(self, runtime: SimulatedRuntime) -> None:
        self._runtime, self._held = runtime, False

    def __enter__(self) -> bool:
        self._runtime.wait_until(lambda: not self._held, None)
        self._held = True
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = False


class _SimulatedEvent:
    def __init__(self, runtime: SimulatedRuntime) -> None:
        self._runtime, self._set = runtime, False

    def set(self) -> None:
        self._set = True

    def clear(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        self._runtime.wait_until(lambda: self._set, timeout)
        return self._set


class _SimulatedQueue(Generic[T]):
    def __init__(self, runtime: SimulatedRuntime, maxsize: int) -> None:
        self._runtime, self._maxsize = runtime, maxsize
        self._items: deque[T] = deque()

    def put(self, item: T) -> None:
        if self._maxsize and len(self._items) >= self._maxsize:
            raise QueueFull
        self._items.append(item)

    def get(self, timeout: float | None = None) -> T | None:
        if timeout != 0:
            self._runtime.wait_until(lambda: bool(self._items), timeout)
        return self._items.popleft() if self._items else None

    def qsize(self) -> int:
        return len(self._items)


class SimulatedRuntime:
    """`run(main)` runs `main` and all that it spawns until `main` returns. `trace` has a line for each step taken."""

    def __init__(self, seed: int, start_ms: int = 1_700_000_000_000) -> None:
        self._random = Random(seed)
        self._choice = Random(f"{seed}-schedule")
        self._start_ms, self._now = start_ms, 0.0
        self._tasks: list[_Task] = []
        self._current: _Task | None = None
        self.returned = threading.Semaphore(0)
        self.stopping = False
        self.trace: list[str] = []

    @property
    def random(self) -> Random:
        return self._random

    def now_ms(self) -> int:
        return self._start_ms + int(self._now * 1000)

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.wait_until(None, seconds)

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)

    def lock(self) -> Lock:
        return _SimulatedLock(self)

    def event(self) -> Event:
        return _SimulatedEvent(self)

    def queue(self, maxsize: int) -> Queue[T]:
        return _SimulatedQueue(self, maxsize)

    def spawn(self, name: str, target: Callable[[], None]) -> Task:
        task = _Task(len(self._tasks) + 1, name, target, self)
        task.ready = lambda: True
        self._tasks.append(task)
        task.thread.start()
        return task

    def task_id(self) -> int:
        return self._current.number if self._current else 0

    def checkpoint(self, label: str) -> None:
        if self._current is None:
            return
        self.trace.append(f"{self._now:.5f} {self._current.name} {label}")
        self.wait_until(lambda: True, None)

    def advance(self, seconds: float) -> None:
        """Moves the clock by hand."""
        self._now += seconds

    def wait_until(self, ready: Callable[[], bool] | None, timeout: float | None) -> None:
        """Gives the baton back until `ready()` or until `timeout` seconds have passed."""
        task = self._current
        if task is None:
            # Outside of run(): the program is being put together and nothing else runs.
            if ready is not None and not ready():
                raise Deadlock("waiting outside of the simulation")
            return
        task.ready = ready
        task.deadline = None if timeout is None else self._now + timeout
        self.returned.release()
        task.baton.acquire()
        if self.stopping:
            raise Stopped

    def run(self, main: Callable[[], None], max_steps: int = 1_000_000) -> None:
        """Runs until `main` returns. Raises what a task raised, `Deadlock`, or `TimeoutError` after `max_steps`."""
        root = self.spawn("main", main)
        assert isinstance(root, _Task)
        try:
            for _ in range(max_steps):
                self._step()
                if root.finished:
                    return
            raise TimeoutError(f"the simulation did not end within {max_steps} steps")
        finally:
            self._stop()

    def _step(self) -> None:
        live = [task for task in self._tasks if not task.finished]
        choices = [task for task in live if task.runnable(self._now)]
        if not choices:
            deadlines = [task.deadline for task in live if task.deadline is not None]
            if not deadlines:
                raise Deadlock(", ".join(task.name for task in live))
            self._now = max(self._now, min(deadlines))
            choices = [task for task in live if task.runnable(self._now)]
        task = self._choice.choice(choices)
        self._resume(task)
        self._now += STEP_SECONDS
        if task.error is not None:
            raise task.error

    def _resume(self, task: _Task) -> None:
        self._current = task
        task.baton.release()
        self.returned.acquire()
        self._current = None

    def _stop(self) -> None:
        self.stopping = True
        for task in self._tasks:
            while not task.finished:
                self._resume(task)
            task.thread.join()
