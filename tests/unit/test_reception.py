"""How long a call may keep the others waiting: for its request, and between the messages of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.reception import PAUSE_SECONDS, Reception
from tests.support.contract_clock import SetClock

PATIENCE_SECONDS = 5.0


class Caller:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return True


class Desk:
    """A reception, its clock, and one caller whose messages come when time has passed."""

    def __init__(self) -> None:
        self.clock, self.caller = SetClock(), Caller()
        settings = ServerSettings(peer_wait_ms=int(PATIENCE_SECONDS * 1000))
        self.reception = Reception(self.clock, Metrics(), settings, threads=1)

    def after(self, *pauses: float) -> Iterator[bytes]:
        """Messages, each after so many seconds; before each, somebody looks whose time is over."""
        for seconds in pauses:
            self.clock.pass_time(seconds)
            self.reception.run_once(Call.background(self.clock))
            yield b"message"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(("seconds", "cancelled"), [(PATIENCE_SECONDS - 1, False), (PATIENCE_SECONDS + 1, True)])
def test_a_request_is_waited_for_as_long_as_is_set(desk: Desk, seconds: float, cancelled: bool) -> None:
    desk.reception.receive(desk.after(seconds), desk.caller)
    assert desk.caller.cancelled == cancelled


@pytest.mark.parametrize(("seconds", "cancelled"), [(PAUSE_SECONDS - 1, False), (PAUSE_SECONDS + 1, True)])
def test_a_stream_may_pause_between_its_messages(desk: Desk, seconds: float, cancelled: bool) -> None:
    with desk.reception.turn():
        list(desk.reception.messages(desk.after(0, seconds), desk.caller))
    assert desk.caller.cancelled == cancelled


def test_a_stream_that_never_begins_is_not_waited_for_longer_than_a_request(desk: Desk) -> None:
    with desk.reception.turn():
        list(desk.reception.messages(desk.after(PATIENCE_SECONDS + 1), desk.caller))
    assert desk.caller.cancelled
