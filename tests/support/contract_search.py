"""How hypothesis searches here: the same examples each time, however busy the machine is."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SEARCH = settings(
    deadline=None,
    derandomize=True,
    database=None,
    # Fixtures live on from one example to the next: examples take users and times of their own.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
