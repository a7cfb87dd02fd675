"""What the demo asks of the system that it shows: `loadtest/system.py:System`, or another that can do as much."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class DemoSystem(Protocol):
    """Has begun; `target` is there once it is ready. What is called the worker brings posts into homes."""

    target: str

    @property
    def data(self) -> Path:
        """Where its data lie, for people."""

    @property
    def how_to_stop(self) -> str:
        """For people who have kept it: one sentence and what to type."""

    def await_ready(self) -> None:
        """Raises SystemFailed."""

    def kill_worker(self) -> None:
        """kill -9: no clean-up, no last words."""

    def await_restart(self, seconds: float) -> None:
        """A worker runs again. Raises SystemFailed."""

    def delivered_rows(self) -> int:
        """Rows that the present worker has written into homes, by its own count. Raises OSError while none runs."""

    def last_lines(self) -> str:
        """The end of what it said, for people; empty if it said nothing."""

    def stop(self) -> None:
        """Stops all of it. Twice is fine."""
