"""Workers: steps that are run again and again, and wait when there was nothing to do."""

from __future__ import annotations

import logging
from typing import Protocol

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime

log = logging.getLogger(__name__)

STEP_SECONDS = 30.0
MAX_BACKOFF_SECONDS = 5.0


class Step(Protocol):
    """One bounded piece of work."""

    def run_once(self, call: Call) -> bool:
        """Does what there is to do, at most so much; answers whether there may be more at once."""
        ...


class Worker:
    """Runs a step in a task of its own until stopped. `idle_seconds` is the wait after a step that found nothing."""

    def __init__(
        self,
        name: str,
        step: Step,
        runtime: Runtime,
        metrics: Metrics,
        idle_seconds: float,
    ) -> None:
        self.name, self._step, self._runtime, self._metrics = name, step, runtime, metrics
        self._idle = idle_seconds
        self._stop = runtime.event()
        self._began: float | None = None
        self._task = runtime.spawn(name, self._loop)

    def ask_to_stop(self) -> None:
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Lets the step under way finish, for up to `timeout` seconds."""
        self._task.join(timeout)

    def busy_seconds(self) -> float:
        """How long the step under way has been so; 0 between two steps."""
        began = self._began
        return 0.0 if began is None else self._runtime.monotonic() - began

    def _loop(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                busy = self._run_step()
                failures = 0
            except Exception as error:
                # A step leaves no half-done work that its next run does not finish, so it is simply run again.
                failures += 1
                self._metrics.worker_errors.labels(self.name).inc()
                # A MurmurationError's sentence says it all; where anything else comes from is worth a trace, once.
                unforeseen = failures == 1 and not isinstance(error, MurmurationError)
                log.warning("worker %s failed (%d in a row): %r", self.name, failures, error, exc_info=unforeseen)
                backoff = min(MAX_BACKOFF_SECONDS, 0.05 * 2 ** min(failures, 10))
                self._stop.wait(backoff * self._runtime.random.uniform(0.5, 1.0))
                continue
            if not busy:
                self._stop.wait(self._idle)

    def _run_step(self) -> bool:
        self._began = self._runtime.monotonic()
        try:
            return self._step.run_once(Call.background(self._runtime, STEP_SECONDS))
        finally:
            self._began = None
