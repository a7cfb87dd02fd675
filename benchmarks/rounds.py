"""Rounds: in each, everything that is compared is measured once, one after the other, so that slow changes of the
machine meet all alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")

LEAST = 7


def _nothing(_line: str) -> None:
    """Progress that nobody wants."""


def interleave(
    sides: Mapping[str, Callable[[], T]], rounds: int, report: Callable[[str], None] = _nothing
) -> dict[str, list[T]]:
    """Name to what each round measured. Every other round runs in the opposite order (A B, B A), so nobody always
    follows the same neighbour."""
    measured: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides) if number % 2 == 0 else list(reversed(list(sides)))
        for name in names:
            report(f"round {number + 1} of {rounds}: {name}")
            measured[name].append(sides[name]())
    return measured
