"""What a runtime offers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import Protocol, TypeVar

T = TypeVar("T")

Lock = AbstractContextManager[bool]


class QueueFull(Exception):
    """A bounded queue has no room."""


class Event(Protocol):
    """A flag that tasks wait for."""

    def set(self) -> None: ...

    def clear(self) -> None: ...

    def is_set(self) -> bool: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Waits up to `timeout` seconds; answers whether the flag is set."""
        ...


class Queue(Protocol[T]):
    """A bounded first-in-first-out queue."""

    def put(self, item: T) -> None:
        """Raises `QueueFull` at once where there is no room: nobody waits in front of a full queue."""
        ...

    def get(self, timeout: float | None = None) -> T | None:
        """Waits up to `timeout` seconds (None: for ever; 0: not at all); None where nothing came."""
        ...

    def qsize(self) -> int: ...


class Task(Protocol):
    """Something that was spawned."""

    def join(self, timeout: float | None = None) -> None: ...

    def is_alive(self) -> bool: ...


class Runtime(Protocol):
    """Time, order and chance."""

    @property
    def random(self) -> Random:
        """Chance for jitter and choices; never for secrets."""
        ...

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00:00Z by this process's clock, which may be wrong and may jump."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    def sleep(self, seconds: float) -> None: ...

    def token(self, size: int) -> bytes:
        """`size` bytes that nobody can guess (in a simulation: that the seed decides)."""
        ...

    def lock(self) -> Lock: ...

    def event(self) -> Event: ...

    def queue(self, maxsize: int) -> Queue[T]: ...

    def spawn(self, name: str, target: Callable[[], None]) -> Task:
        """Starts `target` beside the caller. A daemon: it does not keep the process alive."""
        ...

    def task_id(self) -> int:
        """A number of the running task's own, for what a task keeps to itself (a database connection)."""
        ...

    def checkpoint(self, label: str) -> None:
        """A point at which a simulation may let another task run. Every port call passes one."""
        ...
