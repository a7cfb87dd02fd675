"""A breaker: after failures in a row a node is left alone for a while, so that it costs nobody a timeout."""

from __future__ import annotations

from murmuration_server.platform.runtime import Runtime

LONGEST_PAUSE_SECONDS = 30.0


class Breaker:
    """For reads and fills only: a write that must be seen may not be skipped.

    The pause is jittered, so that processes do not come back together, and doubles while the node stays sick. At its
    end one caller tries; the others go on without the node until his answer is there.
    """

    def __init__(self, runtime: Runtime, failures: int, pause_seconds: float) -> None:
        self._runtime, self._failures, self._pause = runtime, failures, pause_seconds
        self._lock = runtime.lock()
        self._in_a_row = 0
        self._closed_again_at = 0.0

    def allows(self) -> bool:
        if self._in_a_row < self._failures:
            return True
        with self._lock:
            now = self._runtime.monotonic()
            if now < self._closed_again_at:
                return False
            self._closed_again_at = now + self._next_pause()
            return True

    def succeeded(self) -> None:
        self._in_a_row = 0

    def failed(self) -> None:
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row >= self._failures:
                self._closed_again_at = self._runtime.monotonic() + self._next_pause()

    def _next_pause(self) -> float:
        pause = min(LONGEST_PAUSE_SECONDS, self._pause * 2.0 ** min(self._in_a_row - self._failures, 10))
        return pause * self._runtime.random.uniform(0.5, 1.0)
