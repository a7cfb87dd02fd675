"""One process at a time has a turn; another takes over when it ends; whoever has it anew begins anew."""

from __future__ import annotations

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.turns import MARGIN_SECONDS, RENEW_SECONDS, TURN_SECONDS, InTurn, Turn
from tests.support.contract_clock import SetClock


class Rows:
    """What a turn store keeps, in the test's memory."""

    def __init__(self, clock: SetClock) -> None:
        self._clock, self._rows, self.away = clock, dict[str, tuple[str, float]](), False
        self.asked = 0

    def take(self, call: Call, name: str, owner: str, seconds: int) -> bool:
        self.asked += 1
        if self.away:
            raise Unavailable("the store of turns")
        holder, until = self._rows.get(name, ("", 0.0))
        if holder != owner and until > self._clock.monotonic():
            return False
        self._rows[name] = owner, self._clock.monotonic() + seconds
        return True


class World:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.rows = Rows(self.clock)
        self.one, self.other = (Turn("relay", owner, self.rows, self.clock) for owner in ("one", "other"))

    def number(self, turn: Turn) -> int | None:
        return turn.number(Call.background(self.clock))


@pytest.fixture
def world() -> World:
    return World()


def test_one_of_two_has_it(world: World) -> None:
    for _ in range(20):
        assert world.number(world.one) == 1
        assert world.number(world.other) is None
        world.clock.pass_time(RENEW_SECONDS)


def test_another_takes_over_when_it_ends(world: World) -> None:
    world.number(world.one)
    world.clock.pass_time(TURN_SECONDS - 0.1)
    assert world.number(world.other) is None
    world.clock.pass_time(RENEW_SECONDS)
    assert world.number(world.other) == 1
    assert world.number(world.one) is None


def test_a_holder_stops_before_anybody_else_begins(world: World) -> None:
    world.number(world.one)
    world.rows.away = True
    world.clock.pass_time(TURN_SECONDS - MARGIN_SECONDS)
    with pytest.raises(Unavailable):
        world.number(world.one)
    assert world.number(world.one) is None
    world.rows.away = False
    world.clock.pass_time(MARGIN_SECONDS / 2)
    assert world.number(world.other) is None


def test_a_store_that_is_away_for_a_moment_takes_nothing(world: World) -> None:
    world.number(world.one)
    world.rows.away = True
    world.clock.pass_time(RENEW_SECONDS)
    with pytest.raises(Unavailable):
        world.number(world.one)
    assert world.number(world.one) == 1


def test_the_store_is_asked_once_in_a_while(world: World) -> None:
    for turn in (world.one, world.other):
        for _ in range(50):
            world.number(turn)
    assert world.rows.asked == 2


def test_a_step_is_made_anew_for_each_turn(world: World) -> None:
    made: list[list[float]] = []

    class Step:
        def __init__(self) -> None:
            self.ran: list[float] = []
            made.append(self.ran)

        def run_once(self, call: Call) -> bool:
            self.ran.append(call.deadline)
            return True

    step = InTurn(world.one, Step)

    def run() -> bool:
        return step.run_once(Call.background(world.clock))

    assert run()
    world.clock.pass_time(RENEW_SECONDS)
    assert run()
    assert [len(ran) for ran in made] == [2]
    # Stopped for longer than a turn; meanwhile somebody else had it.
    world.clock.pass_time(TURN_SECONDS)
    world.number(world.other)
    assert not run()
    world.clock.pass_time(TURN_SECONDS)
    assert run()
    assert [len(ran) for ran in made] == [2, 1]
