"""Values that a process may use for a while without asking the cache: of what never changes, or may be late."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from murmuration_server.platform.newest import Newest
from murmuration_server.platform.runtime import Runtime

KEPT = 50_000
"""Values of one kind at most; the oldest goes first."""


class LocalValues:
    """Values of one kind, each for `seconds`. What this process changes is dropped at once."""

    def __init__(self, runtime: Runtime, seconds: float, kept: int = KEPT) -> None:
        self._runtime, self._seconds = runtime, seconds
        self._lock = runtime.lock()
        self._values: Newest[int, tuple[float, Any]] = Newest(kept)
        self._changes = 0

    def split(self, ids: Iterable[int], found: dict[int, Any]) -> list[int]:
        """Puts the values that are at hand into `found`; answers the other ids."""
        now, values, missing = self._runtime.monotonic(), self._values, []
        for id_ in ids:
            held = values.get(id_)
            if held is not None and held[0] > now:
                found[id_] = held[1]
            else:
                missing.append(id_)
        return missing

    def changes(self) -> int:
        """To be asked before the cache is, and handed to `keep`."""
        return self._changes

    def keep(self, values: dict[int, Any], changes: int) -> None:
        """Unless something was changed since: what was read may be what was changed."""
        until = self._runtime.monotonic() + self._seconds
        with self._lock:
            if changes == self._changes:
                for id_, value in values.items():
                    self._values.put(id_, (until, value))

    def drop(self, id_: int) -> None:
        """After the cache was changed."""
        with self._lock:
            self._changes += 1
            self._values.pop(id_, None)

    def clear(self) -> None:
        with self._lock:
            self._changes += 1
            self._values.clear()
