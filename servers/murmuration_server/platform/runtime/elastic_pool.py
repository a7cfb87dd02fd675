"""Threads for calls: few that work, and as many as it takes that wait.

Only one thread at a time runs Python. More than a few that could run hand the interpreter to one another at every wait,
which costs more than the calls themselves (docs/adr/0038-few-threads-that-work.md). So `base` threads work, and what
comes meanwhile queues. Whoever is about to wait for something slow says so (`waiting`), and another works meanwhile.
Where nobody has said so, as for a caller who does not send, the queue stands still while the processor is idle: then
the pool grows, in steps, and shrinks when it is not needed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

BASE = 3
LOOK_SECONDS = 0.01
"""Between two looks at the queue while something is in it."""
WAIT_SECONDS = 0.05
IDLE_CPU = 0.5
"""Where the first in the queue has waited so long, and the process uses less than that share of a core, all that work
wait for something."""
LONG_WAIT_SECONDS = 0.5
"""Whoever has waited so long gets a thread all the same: it may be others that keep the processor busy."""
REST_SECONDS = 10.0
"""A thread that had nothing to do for so long ends."""


class Look(NamedTuple):
    """At the queue: how many are in it, and for how long the first has waited; at the threads: how many work. Since the
    last look: how many tasks were done, and what share of a core the process has used."""

    queued: int
    waited_seconds: float
    working: int
    done: int
    cpu: float


def next_limit(limit: int, base: int, most: int, look: Look) -> int:
    """How many threads may work from now on."""
    if look.waited_seconds >= (WAIT_SECONDS if look.cpu < IDLE_CPU else LONG_WAIT_SECONDS):
        return min(most, limit + max(1, min(look.queued, limit // 2)))
    # Those that hold on to their threads are no reason to have fewer of them.
    spare = look.working < limit or look.done >= look.working
    return max(base, limit - 1) if spare and look.waited_seconds < WAIT_SECONDS else limit


_here = threading.local()
"""`pool`: whose thread this is."""


class waiting:
    """Around what may take long without this thread: another works meanwhile. Costs two locks; means nothing where the
    thread is of no pool."""

    __slots__ = ("_pool",)

    def __enter__(self) -> None:
        self._pool: ElasticPool | None = getattr(_here, "pool", None)
        if self._pool is not None:
            self._pool.pause()

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.go_on()


class _Task:
    __slots__ = ("arguments", "future", "keywords", "since", "work")

    def __init__(
        self, future: Future[Any], work: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self.future, self.work, self.arguments, self.keywords = future, work, arguments, keywords
        self.since = time.monotonic()

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.work(*self.arguments, **self.keywords)
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class ElasticPool:
    """Up to `most` threads, those that wait among them; who has had nothing to do for a while ends. Has what gRPC needs
    of an executor.

    Where the queue moves nobody takes a lock: a deque's ends may be used by any thread, and a lock would be one more
    thing to hand from thread to thread. The lock is for who begins and who rests. Who rests looks at the queue again
    first, and who has put something there looks whether somebody rests, so nothing is left there.
    """

    def __init__(self, base: int, most: int, name: str) -> None:
        self._base, self._most, self._name = min(base, most), most, name
        self._queue: deque[_Task] = deque()
        self._lock = threading.Lock()
        self._limit, self._working, self._threads = self._base, 0, 0
        self._done = 0
        """Roughly: it is counted without the lock."""
        self._resting: list[threading.Lock] = []
        """Each rests until its lock is released: the last one to rest first, so that the others may end."""
        self._looker: threading.Thread | None = None
        self._looking = threading.Event()

    @property
    def limit(self) -> int:
        """How many may work now."""
        return self._limit

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._queue.append(_Task(future, fn, args, kwargs))
        if self._working < self._limit:
            self._begin()
        elif not self._looking.is_set():
            self._look_on()
        return future

    def look(self, look: Look) -> None:
        """Grows or shrinks."""
        self._limit = next_limit(self._limit, self._base, self._most, look)
        for _ in range(min(look.queued, self._limit - self._working)):
            self._begin()

    def pause(self) -> None:
        """The thread that calls it does not work from now on."""
        with self._lock:
            self._working -= 1
        if self._queue:
            self._begin()

    def go_on(self) -> None:
        """It works again, and waits for nobody: so more may work for a moment."""
        with self._lock:
            self._working += 1

    def _begin(self) -> None:
        """One more thread, if it may."""
        with self._lock:
            if self._working >= self._limit or (self._threads >= self._most and not self._resting):
                return
            self._working += 1
            resting = self._resting.pop() if self._resting else None
            self._threads += resting is None
        if resting is not None:
            resting.release()
            return
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:
            # The system has no more threads: those that are there go on.
            with self._lock:
                self._working -= 1
                self._threads -= 1
            if not self._threads:
                raise

    def _work(self) -> None:
        _here.pool = self
        woken = threading.Lock()
        woken.acquire()
        while True:
            while self._working <= self._limit:
                try:
                    task = self._queue.popleft()
                except IndexError:
                    break
                task.run()
                del task
                self._done += 1
            if not self._rest(woken):
                return

    def _rest(self, woken: threading.Lock) -> bool:
        """Answers whether there is work again."""
        with self._lock:
            self._working -= 1
            if self._queue and self._working < self._limit:
                self._working += 1
                return True
            self._resting.append(woken)
        if woken.acquire(timeout=REST_SECONDS):
            return True
        with self._lock:
            if woken in self._resting:
                self._resting.remove(woken)
                self._threads -= 1
                return False
        # Called at the last moment.
        return woken.acquire()

    def _look_on(self) -> None:
        self._looking.set()
        with self._lock:
            if self._looker is None:
                self._looker = threading.Thread(target=self._looks, name=f"{self._name}-looks", daemon=True)
                self._looker.start()

    def _looks(self) -> None:
        """While there is a queue, or more than the base may work."""
        while self._looking.wait(REST_SECONDS):
            at, used, done = time.monotonic(), time.process_time(), self._done
            while self._queue or self._limit > self._base:
                time.sleep(LOOK_SECONDS)
                last = at, used, done
                at, used, done = time.monotonic(), time.process_time(), self._done
                queued, waited = self._first(at)
                self.look(Look(queued, waited, self._working, done - last[2], (used - last[1]) / (at - last[0])))
            self._looking.clear()
            if self._queue:
                # It came between the last look and now.
                self._looking.set()
        with self._lock:
            self._looker = None
        if self._looking.is_set():
            self._look_on()

    def _first(self, now: float) -> tuple[int, float]:
        """How many are in the queue, and for how long the first has waited."""
        try:
            return len(self._queue), now - self._queue[0].since
        except IndexError:
            return 0, 0.0
