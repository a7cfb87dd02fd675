"""What an answer is made of, noted on the way, so that whoever keeps the answer knows for how long it holds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from murmuration_server.platform.call import Call

Reading = Callable[["Call"], Any]


class Ingredients:
    """`cached`: (kind, id) of each value that came from the cache. `tokens`: of each entry that was looked up in the
    cache store, and `late_tokens` of those that may be late (`Kind.local_seconds`). `all_tokens`: False where a cached
    value that can change has none: it was at hand, or had to be loaded. `readings`: what was read past the cache, each
    as (how to read it again, what it was). `looks`: of what this process has for itself, whether it is the same, which
    costs no waiting. `until_ms`: when time alone changes the answer, by the wall clock.

    `known`: False where the answer also rests on what is not noted.
    """

    __slots__ = ("all_tokens", "cached", "known", "late_tokens", "looks", "readings", "tokens", "until_ms")

    def __init__(self, until_ms: int) -> None:
        self.cached: set[tuple[str, int]] = set()
        self.tokens: dict[Any, int] = {}
        self.late_tokens: dict[Any, int] = {}
        self.all_tokens = True
        self.readings: list[tuple[Reading, Any]] = []
        self.looks: list[Callable[[], bool]] = []
        self.until_ms = until_ms
        self.known = True

    def add_cached(self, kind: str, ids: Iterable[int]) -> None:
        self.cached.update([(kind, id_) for id_ in ids])

    def add_token(self, key: Hashable, token: int, *, late: bool = False) -> None:
        """Of what is looked up twice the first one counts: what it was for may be in the answer."""
        (self.late_tokens if late else self.tokens).setdefault(key, token)

    def add_reading(self, again: Reading, answer: Any) -> None:
        self.readings.append((again, answer))

    def add_look(self, is_alike: Callable[[], bool]) -> None:
        self.looks.append(is_alike)

    def end_at(self, ms: int) -> None:
        self.until_ms = min(self.until_ms, ms)

    def close(self) -> None:
        """The answer cannot be kept."""
        self.known = False


def read_alike(call: Call, readings: Iterable[tuple[Reading, Any]]) -> bool:
    """Reads again all that was read past the cache; answers whether it is the same."""
    return all(again(call) == answer for again, answer in readings)
