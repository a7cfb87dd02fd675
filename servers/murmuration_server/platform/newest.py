"""A bounded number of values: the newest."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Newest(OrderedDict[K, V]):
    """At most `kept` values; the one put there longest ago goes first. Readers need no lock, writers share one.

    Not a plain dict: where its first keys were taken away, it is searched from its beginning for the next one.
    """

    def __init__(self, kept: int) -> None:
        super().__init__()
        self._kept = kept

    def put(self, key: K, value: V) -> V | None:
        """As the newest. Answers what had to go for it."""
        self[key] = value
        self.move_to_end(key)
        return self.popitem(last=False)[1] if len(self) > self._kept else None
