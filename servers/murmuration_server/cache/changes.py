"""What was changed of late, for those who keep what is made of cached values."""

from __future__ import annotations

from collections.abc import Iterable

from murmuration_server.platform.newest import Newest
from murmuration_server.platform.runtime import Runtime

REMEMBERED = 20_000
"""Changes at most; before the oldest of these, anything may have changed."""


class Changes:
    """Numbers each change of a value, by (kind, id). A change is noted when the caches hold the old value no more, and
    before its ack."""

    def __init__(self, runtime: Runtime, remembered: int = REMEMBERED) -> None:
        self._lock = runtime.lock()
        self._last: Newest[tuple[str, int], int] = Newest(remembered)
        self._count = 0
        self._forgotten = 0

    def count(self) -> int:
        """To be asked before what is to be kept is read, and handed to `none_since`."""
        return self._count

    def note(self, kind: str, id_: int) -> None:
        with self._lock:
            self._count += 1
            self._forgotten = self._last.put((kind, id_), self._count) or self._forgotten

    def note_all(self) -> None:
        with self._lock:
            self._count += 1
            self._forgotten = self._count
            self._last.clear()

    def none_since(self, count: int, values: Iterable[tuple[str, int]]) -> bool:
        """Whether none of the values was changed since. False where that is no longer known."""
        last = self._last
        unchanged = all(last.get(value, 0) <= count for value in values)
        # Afterwards, since a change may be forgotten meanwhile.
        return unchanged and self._forgotten <= count
