"""The rate over the time."""

import pytest

from loadtest.shapes import SPIKE_TIMES, Shape, rate_at


@pytest.mark.parametrize("shape", Shape)
def test_no_shape_exceeds_its_rate_and_each_reaches_it(shape: Shape) -> None:
    rates = [rate_at(shape, 50.0, elapsed, 100.0) for elapsed in range(101)]
    assert max(rates) == pytest.approx(50)
    assert min(rates) >= 0


def test_a_ramp_grows_evenly_and_steps_are_five() -> None:
    assert rate_at(Shape.RAMP, 50.0, 30, 100) == pytest.approx(15)
    assert sorted({rate_at(Shape.STEP, 50.0, elapsed, 100) for elapsed in range(101)}) == [10, 20, 30, 40, 50]


def test_a_spike_stands_in_the_middle() -> None:
    rates = [rate_at(Shape.SPIKE, 50.0, elapsed, 100) for elapsed in range(101)]
    assert [second for second, rate in enumerate(rates) if rate == 50] == list(range(40, 61))
    assert set(rates) == {50.0, 50.0 / SPIKE_TIMES}
