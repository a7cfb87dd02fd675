"""Medians, percentiles and their intervals."""

from __future__ import annotations

import random

import pytest

from benchmarks.intervals import CONFIDENCE, median_of, percentile, pooled_percentile, resampled


def test_of_seven_rounds_the_interval_reaches_from_the_least_to_the_greatest() -> None:
    estimate = median_of([5.0, 1.0, 7.0, 3.0, 2.0, 6.0, 4.0])
    assert (estimate.value, estimate.low, estimate.high) == (4.0, 1.0, 7.0)
    assert estimate.confidence == pytest.approx(1 - 2 / 2**7)


def test_of_more_rounds_the_outermost_do_not_count() -> None:
    estimate = median_of([float(number) for number in range(1, 10)])
    assert (estimate.value, estimate.low, estimate.high) == (5.0, 2.0, 8.0)
    assert estimate.confidence == pytest.approx(1 - 2 * (1 + 9) / 2**9)


def test_too_few_rounds_say_how_little_they_cover() -> None:
    assert median_of([1.0]).confidence == 0.0
    assert median_of([1.0, 2.0, 3.0]).confidence == pytest.approx(0.75)


@pytest.mark.parametrize("count", [7, 12, 21])
def test_the_interval_covers_the_median_as_often_as_it_says(count: int) -> None:
    """Drawn from a skewed distribution whose median is known: 2 ** 0 of 2 ** N(0, 1)."""
    rng = random.Random(count)
    drawn = [median_of([2 ** rng.gauss(0, 1) for _ in range(count)]) for _ in range(4000)]
    covered = sum(estimate.low <= 1.0 <= estimate.high for estimate in drawn) / len(drawn)
    assert drawn[0].confidence >= CONFIDENCE
    assert covered == pytest.approx(drawn[0].confidence, abs=0.012)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.0, 1)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    values = [float(number) for number in range(1, 101)]
    random.Random(1).shuffle(values)
    assert percentile(values, share) == value


def test_the_bootstrap_draws_whole_rounds_and_always_the_same() -> None:
    alike = [[1.0] * 10, [2.0] * 10, [3.0] * 10, [4.0] * 10, [5.0] * 10, [6.0] * 10, [7.0] * 10]
    estimate = resampled(alike, pooled_percentile(0.5))
    assert estimate == resampled(alike, pooled_percentile(0.5))
    assert estimate.value == 4.0
    # Seventy values that were drawn one by one would leave less room.
    assert (estimate.low, estimate.high) == (2.0, 6.0)


def test_a_pooled_percentile_is_that_of_all_values() -> None:
    assert pooled_percentile(0.99)([[1.0] * 98, [5.0, 9.0]]) == 5.0
