"""One process whose clock is 10 minutes off, ahead or behind, among others whose clocks are right.

Its clock is set under it, while people use the system; then the next role's. Ids stay unique and above their parents',
relations are those that were answered last, counts equal the rows, and every home comes right.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.clocks import Clock
from tests.stack.town import Town
from tools.stack.roles import ROLES
from tools.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(900)]

SEED = 10
OFF_MS = 600_000
BEFORE, MEANWHILE = 40, 60
"""Calls answered before a clock is set, and while it is wrong."""
WITH_A_CLOCK = ("timeline", "fanout", "relay", "graph", "users", "tweets")
"""Who takes times from it. Those that make posts come last: what is above a post of a time to come has to wait."""


class Clocks:
    """A town in which the first process of each role has a clock of its own."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self.town = Town(stack, folder / "roles", dict.fromkeys(ROLES, 2), SEED)
        self.of = {role: Clock(folder / role) for role in WITH_A_CLOCK}
        for role, clock in self.of.items():
            environment = self.town.roles.process(role, 0).environment
            assert environment is not None
            environment.update(clock.environment)


@pytest.fixture(scope="module")
def clocks(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clocks]:
    made = Clocks(stack, tmp_path_factory.mktemp("clocks"))
    with made.town:
        yield made


# Behind first: posts of a time to come stay for as long.
@pytest.mark.parametrize("off_ms", [-OFF_MS, OFF_MS], ids=["behind", "ahead"])
def test_of_two_processes_of_a_role_one_has_a_wrong_clock(clocks: Clocks, off_ms: int) -> None:
    town = clocks.town
    with town.in_use():
        town.await_acked(BEFORE)
        for role in WITH_A_CLOCK:
            clocks.of[role].set(off_ms)
            if role == "relay":
                # They take turns: now it is that one's.
                town.roles.process(role, 1).restart()
            town.await_acked(MEANWHILE)
            town.read_all()
            town.join()
            print(f"{role} {off_ms / 60_000:+.0f} min: a post is taken and delivered within {town.probe():.1f} s")
            clocks.of[role].set(0)
        town.await_acked(BEFORE)
    found = town.come_right()
    assert not found, found
