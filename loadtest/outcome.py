"""What a stage found: checks that pass or fail, and figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil


@dataclass(frozen=True, slots=True)
class Check:
    """`figure`: what was found, for people."""

    name: str
    passed: bool
    figure: str


@dataclass
class Outcome:
    """`figures`: numbers for --json, named with their units."""

    checks: list[Check] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def check(self, name: str, passed: bool, figure: str) -> None:
        self.checks.append(Check(name, passed, figure))


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: the least value that at least so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.02 else f"{seconds * 1000:.1f} ms"
