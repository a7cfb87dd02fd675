"""What was written and read in one run, and whether the reads may have been answered so.

A read may see what a change left unless another change, which began after that one's ack, was acked before the read
began; and it may see a change that has begun and is not acked yet. (The rule of the model, protocols/b.py: val_ok.)
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(eq=False)
class Change(Generic[K, V]):
    who: str
    key: K
    value: V
    began: int
    acked: float = float("inf")


@dataclass
class History(Generic[K, V]):
    """`initial`: what each key holds before the run."""

    initial: Mapping[K, V]
    changes: list[Change[K, V]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    _moments: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for key, value in self.initial.items():
            self.changes.append(Change("before", key, value, -1, -1))

    def change(self, who: str, key: K, value: V, work: Callable[[], None]) -> None:
        """Runs a change, which counts as acked when `work` returns, and as under way for ever where it raises."""
        made = Change(who, key, value, next(self._moments))
        self.changes.append(made)
        self.told.append(f"{who} begins {key} = {value}")
        work()
        made.acked = next(self._moments)
        self.told.append(f"{who} acks {key} = {value}")

    def read(self, who: str, work: Callable[[], Mapping[K, V]]) -> None:
        """Runs a read and holds its answer against the changes."""
        began = next(self._moments)
        self.told.append(f"{who} reads")
        answer = work()
        ended = next(self._moments)
        self.told.append(f"{who} has read {dict(answer)}")
        for key, value in answer.items():
            allowed = self._allowed(key, began, ended)
            assert value in allowed, f"{who} sees {key} = {value}, allowed {allowed}:\n" + "\n".join(self.told)

    def _allowed(self, key: K, began: int, ended: int) -> list[V]:
        mine = [change for change in self.changes if change.key == key and change.began < ended]
        before = [change for change in mine if change.acked < began]
        return [change.value for change in mine if not any(change.acked < later.began for later in before)]
