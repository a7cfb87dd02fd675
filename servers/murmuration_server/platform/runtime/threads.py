"""The runtime of real processes: operating-system threads and clocks."""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Generic, TypeVar

from murmuration_server.platform.runtime.port import Event, Lock, Queue, QueueFull, Task

T = TypeVar("T")


class _ThreadQueue(Generic[T]):
    def __init__(self, maxsize: int) -> None:
        self._queue: queue.Queue[T] = queue.Queue(maxsize)

    def put(self, item: T) -> None:
        try:
            self._queue.put_nowait(item)
        except queue.Full:
            raise QueueFull from None

    def get(self, timeout: float | None = None) -> T | None:
        try:
            if timeout == 0:
                return self._queue.get_nowait()
            return self._queue.get(timeout=timeout)
        except queue.Empty:
            return None

    def qsize(self) -> int:
        return self._queue.qsize()


class ThreadRuntime:
    """Threads, the system's clocks, the system's chance."""

    def __init__(self) -> None:
        self._random = Random()

    @property
    def random(self) -> Random:
        return self._random

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def token(self, size: int) -> bytes:
        return secrets.token_bytes(size)

    def lock(self) -> Lock:
        return threading.Lock()

    def event(self) -> Event:
        return threading.Event()

    def queue(self, maxsize: int) -> Queue[T]:
        return _ThreadQueue(maxsize)

    def spawn(self, name: str, target: Callable[[], None]) -> Task:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def task_id(self) -> int:
        return threading.get_ident()

    def checkpoint(self, label: str) -> None:  # noqa: ARG002 - the operating system decides who runs
        return
