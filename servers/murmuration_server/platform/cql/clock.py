"""The time of the database: a node's, as of the last look, and on from there by this process's monotonic clock.

What is compared with what other processes wrote takes its time from here. A process's own clock may be wrong by any
amount, and be set under it; those of the nodes are kept together, since the database itself relies on them.
"""

from __future__ import annotations

from typing import Any

from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.failures import FAILURES
from murmuration_server.platform.runtime import Runtime

LOOK_SECONDS = 60.0
"""From look to look the monotonic clock runs off by some milliseconds at most."""
ANSWER_SECONDS = 5.0
"""An answer that took longer says too little of when the node looked."""
_LOOK = "SELECT toUnixTimestamp(now()) FROM system.local"


class DatabaseClock:
    """Until the first look it shows this process's own time. A step, to be run every `LOOK_SECONDS`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self._session = runtime, None
        self._ahead_us = runtime.now_ms() * 1000 - self._monotonic_us()
        """Of the monotonic clock."""

    def begin(self, session: Any) -> None:
        """Looks for the first time, by the driver's session. Raises what the driver raises."""
        self._session = session
        self._look()

    def now_ms(self) -> int:
        return (self._monotonic_us() + self._ahead_us) // 1000

    def run_once(self, call: Call) -> bool:  # noqa: ARG002 - a step's signature; a look has a limit of its own
        try:
            self._look()
        except FAILURES:
            # Until the next look it goes on as it is.
            pass
        return False

    def _look(self) -> None:
        assert self._session is not None
        before = self._monotonic_us()
        shown = self._session.execute(_LOOK, timeout=ANSWER_SECONDS).one()[0]
        self._ahead_us = shown * 1000 - (before + self._monotonic_us()) // 2

    def _monotonic_us(self) -> int:
        return int(self._runtime.monotonic() * 1_000_000)
