"""What an answer is made of, noted on the way, so that whoever keeps the answer knows for how long it holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from murmuration_server.platform.call import Call

Reading = Callable[["Call"], Any]


class Ingredients:
    """`cached`: (kind, id) of each value that came from the cache. `readings`: what was read past the cache, each as
    (how to read it again, what it was). `until_ms`: when time alone changes the answer, by the wall clock.

    `known`: False where the answer also rests on what is not noted.
    """

    __slots__ = ("cached", "known", "readings", "until_ms")

    def __init__(self, until_ms: int) -> None:
        self.cached: set[tuple[str, int]] = set()
        self.readings: list[tuple[Reading, Any]] = []
        self.until_ms = until_ms
        self.known = True

    def add_cached(self, kind: str, ids: Iterable[int]) -> None:
        self.cached.update([(kind, id_) for id_ in ids])

    def add_reading(self, again: Reading, answer: Any) -> None:
        self.readings.append((again, answer))

    def end_at(self, ms: int) -> None:
        self.until_ms = min(self.until_ms, ms)

    def close(self) -> None:
        """The answer cannot be kept."""
        self.known = False

    def read_alike(self, call: Call) -> bool:
        """Reads again all that was read past the cache; answers whether it is the same."""
        return all(again(call) == answer for again, answer in self.readings)
