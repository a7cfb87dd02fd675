"""How the rate of a load goes over time. A rate is that of intended steps, whatever becomes of them."""

from __future__ import annotations

from enum import StrEnum

STEPS = 5
SPIKE_SHARE = 0.2
SPIKE_TIMES = 5


class Shape(StrEnum):
    CONSTANT = "constant"  # the rate, all the time
    RAMP = "ramp"  # from nothing to the rate, evenly
    STEP = "step"  # in five equal steps up to the rate
    SPIKE = "spike"  # a fifth of the rate, and in the middle fifth of the time all of it


def rate_at(shape: Shape, rate: float, elapsed: float, seconds: float) -> float:
    """Steps per second at a moment of a run of so many seconds; `rate` is the greatest."""
    part = min(max(elapsed / seconds, 0.0), 1.0)
    match shape:
        case Shape.CONSTANT:
            return rate
        case Shape.RAMP:
            return rate * part
        case Shape.STEP:
            return rate * min(int(part * STEPS) + 1, STEPS) / STEPS
        case Shape.SPIKE:
            return rate if abs(part - 0.5) <= SPIKE_SHARE / 2 else rate / SPIKE_TIMES
