"""Ports under a seeded scheduler: another task may run in front of each call, and a process may die around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from murmuration_server.platform.runtime.simulated import SimulatedRuntime

Hook = Callable[[str], None]
"""Called with `port.method` in front of a call and with `port.method done` behind it; may sleep or raise."""


class ProcessDied(BaseException):
    """Ends whatever a process was doing; no error handling of ours catches it."""


class Scheduled:
    """Any port under a name."""

    def __init__(self, port: Any, runtime: SimulatedRuntime, name: str, hook: Hook | None = None) -> None:
        self._port, self._runtime, self._name, self._hook = port, runtime, name, hook

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        if not callable(found):
            return found

        def run(*arguments: Any, **named: Any) -> Any:
            label = f"{self._name}.{method}"
            self._runtime.checkpoint(label)
            if self._hook is not None:
                self._hook(label)
            answer = found(*arguments, **named)
            if self._hook is not None:
                self._hook(f"{label} done")
            return answer

        return run


class Skewed:
    """A runtime whose wall clock is off by some milliseconds: another machine's."""

    def __init__(self, runtime: SimulatedRuntime, offset_ms: int) -> None:
        self._runtime, self.offset_ms = runtime, offset_ms

    def now_ms(self) -> int:
        return self._runtime.now_ms() + self.offset_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)


def dies_at(label: str, times: int = 1) -> Hook:
    """A hook that lets the process die at a label, so many times."""
    left = [times]

    def hook(here: str) -> None:
        if here == label and left[0]:
            left[0] -= 1
            raise ProcessDied(label)

    return hook
