"""Medians and intervals of what rounds measured, without assumptions about how it is distributed."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

CONFIDENCE = 0.95
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the interval in which it lies with `confidence` (less than CONFIDENCE where rounds are few)."""

    value: float
    low: float
    high: float
    confidence: float


def median_of(values: Sequence[float]) -> Estimate:
    """The median, and the narrowest interval of order statistics around it that covers it with CONFIDENCE.

    The k-th smallest and the k-th largest of n values enclose the median with probability 1 - 2 P(B < k), B binomial
    (n, 1/2): David and Nagaraja, Order Statistics, 3rd edition, section 7.1. Of seven values those are the least and
    the greatest (98.4%). Where even these cover less, `confidence` says how much.
    """
    ordered = sorted(values)
    count = len(ordered)
    below = [_coverage(count, k) for k in range(1, count // 2 + 1)]
    k = max((k for k, coverage in enumerate(below, start=1) if coverage >= CONFIDENCE), default=1)
    return Estimate(statistics.median(ordered), ordered[k - 1], ordered[-k], _coverage(count, k))


def _coverage(count: int, k: int) -> float:
    return 1.0 - 2.0 * sum(math.comb(count, i) for i in range(k)) / 2.0**count


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def resampled(rounds: Sequence[T], statistic: Callable[[Sequence[T]], float]) -> Estimate:
    """The statistic of all rounds together, with the percentile bootstrap interval; rounds are drawn whole, since what
    one round measured is alike (Efron and Tibshirani, An Introduction to the Bootstrap, chapters 8 and 13). Seeded:
    the same rounds give the same interval."""
    rng = random.Random(0)
    drawn = sorted(statistic(rng.choices(rounds, k=len(rounds))) for _ in range(RESAMPLES))
    outside = (1 - CONFIDENCE) / 2
    return Estimate(statistic(rounds), percentile(drawn, outside), percentile(drawn, 1 - outside), CONFIDENCE)


def pooled_percentile(share: float) -> Callable[[Sequence[Sequence[float]]], float]:
    """A statistic for `resampled`: the percentile of the values of all rounds."""
    return lambda rounds: percentile([value for values in rounds for value in values], share)
