"""A runtime of real threads whose clocks the test sets."""

from __future__ import annotations

from murmuration_server.platform.runtime import ThreadRuntime

START_MS = 1_800_000_000_000


class SetClock(ThreadRuntime):
    """`now_ms` stands still until it is set; `monotonic` runs on, and further by what was passed by hand."""

    def __init__(self, ms: int = START_MS) -> None:
        super().__init__()
        self.ms, self._passed = ms, 0.0

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return super().monotonic() + self._passed

    def pass_time(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)
        self._passed += seconds
