"""How long to pause between looks at something that will change: short at first, longer while nothing happens."""

from __future__ import annotations

import random
from collections.abc import Callable

GROWTH = 1.6
JITTER = 0.2


class Pace:
    """first, longest: seconds. random_fraction: answers from 0 to 1.

    Each pause differs from its step by up to a fifth either way: many who wait for the same thing do not ask together.
    """

    def __init__(self, first: float, longest: float, random_fraction: Callable[[], float] = random.random) -> None:
        self._first, self._longest, self._random_fraction = min(first, longest), longest, random_fraction
        self._step = self._first

    def pause(self) -> float:
        """Seconds to pause now; the next step is longer."""
        step = self._step
        self._step = min(step * GROWTH, self._longest)
        return step * (1 + JITTER * (2 * self._random_fraction() - 1))

    def begin_again(self) -> None:
        """Something happened: the next pause is the shortest."""
        self._step = self._first
