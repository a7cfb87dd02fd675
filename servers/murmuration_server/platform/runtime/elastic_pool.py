"""Threads for calls: few that work, and as many as it takes that wait.

Only one thread at a time runs Python. More than a few that could run hand the interpreter to one another at every wait,
which costs more than the calls themselves (docs/adr/0038-few-threads-that-work.md). So `base` threads work, and what
comes meanwhile queues. Whoever is about to wait for something slow says so (`waiting`), and another works meanwhile.
Where nobody has said so, as for a caller who does not send, a look at the queue finds threads that are held by what
they do, and lets others work for as long as they are.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

BASE = 3
LOOK_SECONDS = 0.01
"""Between two looks while something is in the queue."""
HELD_SECONDS = 0.05
"""A thread that has done the same for so long is held by it."""
FOR_EACH_HELD = 2
"""One in its place, and one more, since those that come next may be held as well: so it takes few looks until all who
hold threads have one."""
REST_SECONDS = 10.0
"""A thread that had nothing to do for so long ends."""


def allowed(base: int, most: int, working_seconds: Iterable[float]) -> int:
    """How many threads may work. `working_seconds`: for how long each that works has done the same."""
    held = sum(seconds >= HELD_SECONDS for seconds in working_seconds)
    return min(most, base + FOR_EACH_HELD * held)


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
    __slots__ = ("arguments", "future", "keywords", "work")

    def __init__(
        self, future: Future[Any], work: Callable[..., Any], arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> None:
        self.future, self.work, self.arguments, self.keywords = future, work, arguments, keywords

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
        self._since: dict[int, float] = {}
        """When each thread that works began what it does; by its identity, so that nobody else writes there."""
        self._resting: list[threading.Lock] = []
        """Each rests until its lock is released: the last one to rest first, so that the others may end."""
        self._has_looker = False
        self._looking = threading.Event()

    @property
    def limit(self) -> int:
        """How many may work now."""
        return self._limit

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._queue.append(_Task(future, fn, args, kwargs))
        if not (self._working < self._limit and self._begin()):
            self._look_on()
        return future

    def look(self) -> None:
        """Lets as many work as may, for what is in the queue."""
        now = time.monotonic()
        self._limit = allowed(self._base, self._most, [now - since for since in list(self._since.values())])
        for _ in range(len(self._queue)):
            if not self._begin():
                return

    def pause(self) -> None:
        """The thread that calls it does not work from now on."""
        self._since.pop(threading.get_ident(), None)
        with self._lock:
            self._working -= 1
        if self._queue:
            self._begin()

    def go_on(self) -> None:
        """It works again, and waits for nobody: so more may work for a moment."""
        with self._lock:
            self._working += 1
        self._since[threading.get_ident()] = time.monotonic()

    def _begin(self) -> bool:
        """One more thread, if it may; answers whether one was begun."""
        with self._lock:
            if self._working >= self._limit or (self._threads >= self._most and not self._resting):
                return False
            self._working += 1
            resting = self._resting.pop() if self._resting else None
            self._threads += resting is None
        if resting is not None:
            resting.release()
            return True
        if _started(self._work, self._name):
            return True
        with self._lock:
            self._working -= 1
            self._threads -= 1
        return False

    def _work(self) -> None:
        _here.pool = self
        me, woken = threading.get_ident(), threading.Lock()
        woken.acquire()
        while True:
            while self._working <= self._limit:
                try:
                    task = self._queue.popleft()
                except IndexError:
                    break
                self._since[me] = time.monotonic()
                task.run()
                del task
            self._since.pop(me, None)
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
            left = bool(self._queue)
        if left:
            self._look_on()
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
        """From now on, if nobody does yet."""
        if self._looking.is_set():
            return
        self._looking.set()
        with self._lock:
            if self._has_looker:
                return
            self._has_looker = True
        if not _started(self._looks, f"{self._name}-looks"):
            self._has_looker = False
            self._looking.clear()

    def _looks(self) -> None:
        """While there is a queue, or threads are held."""
        while self._looking.wait(REST_SECONDS):
            while self._queue or self._limit > self._base:
                time.sleep(LOOK_SECONDS)
                self.look()
            self._looking.clear()
            if self._queue:
                # It came between the last look and now.
                self._looking.set()
        with self._lock:
            self._has_looker = False
        if self._looking.is_set():
            self._looking.clear()
            self._look_on()


def _started(work: Callable[[], None], name: str) -> bool:
    """False where the system has no more threads: those that there are go on."""
    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError:
        return False
    return True
