"""The simulated runtime with a hand in it: a test may stop a task at a point of its way and let others pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from murmuration_server.platform.runtime.simulated import SimulatedRuntime

START_MS = 1_800_000_000_000
PATIENCE_SECONDS = 20.0
DONE = ".done"

Hook = Callable[..., None]


@dataclass(eq=False)
class Gate:
    """Stops a task in front of a port call, or right behind it where the label ends in `.done`."""

    runtime: DirectedRuntime
    task: str
    labels: tuple[str, ...]
    passes: int
    reached: bool = False
    is_open: bool = False

    def wait(self) -> Gate:
        """Until the task stands at the gate."""
        self.runtime.wait_for(lambda: self.reached, f"{self.task} at {self.labels}")
        return self

    def open(self) -> None:
        self.is_open = True


class DirectedRuntime(SimulatedRuntime):
    """`hooks`: called with a port call's arguments, by label, in front of it; what they raise, the call raises.
    `seen`: (label, arguments) of the calls that were asked to be noted."""

    def __init__(self, seed: int, start_ms: int = START_MS) -> None:
        super().__init__(seed, start_ms)
        self._gates: list[Gate] = []
        self._noted: set[str] = set()
        self.hooks: dict[str, Hook] = {}
        self.seen: list[tuple[str, tuple[Any, ...]]] = []

    def hold(self, task: str, *labels: str, passes: int = 0) -> Gate:
        """Where the task named so comes to one of the labels, after `passes` times, it waits."""
        gate = Gate(self, task, labels, passes)
        self._gates.append(gate)
        return gate

    def note(self, *labels: str) -> None:
        self._noted.update(labels)

    def task_name(self) -> str:
        return self._current.name if self._current else ""

    def before(self, label: str, arguments: tuple[Any, ...]) -> None:
        """In front of a port call."""
        self.checkpoint(label)
        self._stop_at(label)
        if label in self._noted:
            self.seen.append((label, arguments))
        if label in self.hooks:
            self.hooks[label](*arguments)

    def after(self, label: str) -> None:
        """Behind a port call: no scheduling point, unless a gate stands there."""
        self._stop_at(label + DONE)

    def wait_for(self, ready: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
        self.wait_until(ready, seconds)
        assert ready(), f"waited in vain for {what}"

    def _stop_at(self, label: str) -> None:
        if not self._gates or self._current is None:
            return
        for gate in self._gates:
            if label not in gate.labels or gate.task != self._current.name or gate.is_open or gate.reached:
                continue
            if gate.passes:
                gate.passes -= 1
                continue
            gate.reached = True
            self.wait_until(lambda gate=gate: gate.is_open, None)  # type: ignore[misc]


class OffsetClock:
    """A process whose clock is wrong by so many milliseconds; all else is the runtime's."""

    def __init__(self, runtime: DirectedRuntime, offset_ms: int) -> None:
        self._runtime, self._offset_ms = runtime, offset_ms

    def now_ms(self) -> int:
        return self._runtime.now_ms() + self._offset_ms

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runtime, name)
