"""Nobody holds up the others by doing nothing: how many calls may work, how long one may wait for its request, and how
long its answer may wait to be taken.

gRPC hands a call over when its headers have come; its request may come much later, or never. A thread waits for it
there, so there are more threads than may work. The answer is in gRPC's hands when the thread is free again, and stays
in memory until the caller takes it, or never does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Queue, Runtime
from murmuration_server.platform.runtime.elastic_pool import waiting

CROWDED_WAIT_SECONDS = 0.25
"""What a call that sends its request at all needs at most, on a busy machine: it waits longer only where few wait."""
PAUSE_SECONDS = 60.0
"""What a caller of a stream may take between two messages: an import reads its file meanwhile."""


class Caller(Protocol):
    """What is used of a grpc.ServicerContext."""

    def cancel(self) -> object: ...

    def add_callback(self, callback: Callable[[], None]) -> bool: ...


class Reception:
    """`threads` calls work at a time; `settings.max_waiting_calls` wait for a request besides, and then whoever has
    waited long is cancelled. `run_once` is to be called again and again: it cancels whose time is over."""

    def __init__(self, runtime: Runtime, metrics: Metrics, settings: ServerSettings, threads: int) -> None:
        self._runtime, self._metrics = runtime, metrics
        self._most = settings.max_waiting_calls
        self._patience = settings.peer_wait_ms / 1000
        self.pool_threads = threads + settings.max_waiting_calls
        self._turns: Queue[bool] = runtime.queue(threads)
        for _ in range(threads):
            self._turns.put(True)
        # In the order of their coming, so the first is the one that has waited longest.
        self._waiting: dict[Caller, tuple[float, float]] = {}
        """Since when, and for how many seconds at most."""
        self._leaving: dict[Caller, float] = {}
        self._lock = runtime.lock()

    def receive(self, payloads: Iterator[bytes], caller: Caller) -> bytes | None:
        """The first message, or None where the caller sends none. Raises what gRPC raises where the call is over."""
        return self._receive(payloads, caller, self._patience)

    def _receive(self, payloads: Iterator[bytes], caller: Caller, patience: float) -> bytes | None:
        with self._lock:
            self._waiting[caller] = self._runtime.monotonic(), patience
        try:
            return next(payloads, None)
        finally:
            with self._lock:
                del self._waiting[caller]

    def messages(self, payloads: Iterator[bytes], caller: Caller) -> Iterator[bytes]:
        """All messages of a stream. For one that works: while it waits for the next, another may work."""
        patience = self._patience
        while True:
            self._turns.put(True)
            try:
                with waiting():
                    payload = self._receive(payloads, caller, patience)
            finally:
                self._take_turn()
            if payload is None:
                return
            yield payload
            patience = max(PAUSE_SECONDS, self._patience)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits until the call may work."""
        self._take_turn()
        try:
            yield
        finally:
            self._turns.put(True)

    def _take_turn(self) -> None:
        if not self._turns.get(0):
            with waiting():
                self._turns.get()

    def answered(self, caller: Caller) -> None:
        """The call's answer is about to be handed to gRPC."""
        with self._lock:
            self._leaving[caller] = self._runtime.monotonic()
        if not caller.add_callback(lambda: self._left(caller)):
            self._left(caller)

    def run_once(self, call: Call) -> bool:  # noqa: ARG002 - a step's signature; this one waits for nothing
        """Cancels whose request or whose taking of the answer is overdue."""
        now = self._runtime.monotonic()
        with self._lock:
            most = CROWDED_WAIT_SECONDS if len(self._waiting) >= self._most else PAUSE_SECONDS + self._patience
            overdue = [
                caller for caller, (since, patience) in self._waiting.items() if now - since > min(patience, most)
            ]
            stuck = [caller for caller, since in self._leaving.items() if now - since > self._patience]
            for caller in stuck:
                del self._leaving[caller]
        for caller in overdue:
            caller.cancel()
        for caller in stuck:
            caller.cancel()
        self._metrics.calls_given_up.labels("request").inc(len(overdue))
        self._metrics.calls_given_up.labels("answer").inc(len(stuck))
        return False

    def _left(self, caller: Caller) -> None:
        with self._lock:
            self._leaving.pop(caller, None)
