"""SIGTERM and SIGINT: a process that runs stops in its own time, one that has not begun ends at once."""

from __future__ import annotations

import signal
from types import FrameType

from murmuration_server.platform.runtime import Event


class StopSignals:
    """`begun`: to be set when whoever waits for `stop` does so. Before, all may wait for a server that does not
    answer."""

    def __init__(self, stop: Event, *numbers: int) -> None:
        self._stop, self.begun = stop, False
        for number in numbers:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stop.set()
        if not self.begun:
            # As a shell counts them.
            raise SystemExit(128 + number)
