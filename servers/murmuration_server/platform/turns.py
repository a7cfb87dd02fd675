"""Work that one process at a time does, whichever of several: it takes a turn, renews it, and another takes over when
it dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.worker import Step

TURN_SECONDS = 4
RENEW_SECONDS = 1.0
"""A holder renews as often, and others ask as often whether he is gone."""
MARGIN_SECONDS = 1.0
"""A holder stops so long before his turn ends: for clocks that run apart, and for what he has just begun."""


class TurnStore(Protocol):
    def take(self, call: Call, name: str, owner: str, seconds: int) -> bool:
        """Takes the turn of that name, or renews it, for so long from now; answers whether the owner has it. Raises
        `Unavailable`, also where that is unknown."""
        ...


class Turn:
    """One process's part in it; for all tasks of the process."""

    def __init__(self, name: str, owner: str, store: TurnStore, runtime: Runtime) -> None:
        self._name, self._owner, self._store, self._runtime = name, owner, store, runtime
        self._lock = runtime.lock()
        self._until = self._ask_at = float("-inf")
        self._number = 0

    def number(self, call: Call) -> int | None:
        """Of the turn that this process has now: another number says that somebody else may have had it in between.
        None while it has none. Raises `Unavailable`."""
        with self._lock:
            now = self._runtime.monotonic()
            if now >= self._ask_at:
                self._ask_at = now + RENEW_SECONDS
                if self._store.take(call, self._name, self._owner, TURN_SECONDS):
                    if now >= self._until:
                        self._number += 1
                    # From before the asking: the store counts from later on.
                    self._until = now + TURN_SECONDS - MARGIN_SECONDS
                else:
                    self._until = float("-inf")
            return self._number if self._runtime.monotonic() < self._until else None


class InTurn:
    """A step that runs while its process has the turn; made anew for each turn, since what it remembers of an earlier
    one is what somebody else has changed."""

    def __init__(self, turn: Turn, make: Callable[[], Step]) -> None:
        self._turn, self._make = turn, make
        self._number: int | None = None
        self._step: Step | None = None

    def run_once(self, call: Call) -> bool:
        number = self._turn.number(call)
        if number is None:
            return False
        if self._step is None or number != self._number:
            self._step, self._number = self._make(), number
        return self._step.run_once(call)
