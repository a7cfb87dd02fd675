"""A person of a load: notices each kind of wrong answer, and counts from when steps were meant to begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest

from loadtest.calls import CALL, GENERATOR, VISIBLE, Timing
from loadtest.checks import (
    DELETED_FETCHED,
    DELETED_READ,
    NOT_DELIVERED,
    NOT_NEWER,
    ORDER,
    OWN_MISSING,
    TWICE,
    UNFOLLOWED,
    Wrong,
)
from loadtest.crowd import Crowd, Share
from loadtest.graphs import SocialGraph
from loadtest.player import LATE_ROW, Player
from loadtest.watching import NotVisible, Watches
from loadtest.workload import Action, Mix, Workload
from murmuration_client import Client
from tests.loadtest.liar import CALL_SECONDS, Clock, Liar

USERS = 30
SESSIONS = 60


class Measured:
    """What a load recorded, and one player to play it."""

    def __init__(self, lie: str, *actions: Action, think_seconds: float = 1.0) -> None:
        self.clock = Clock()
        self.records: list[tuple[str, str, float, Exception | None]] = []
        pairs = [(one, other) for one in range(USERS) for other in range(USERS) if one != other]
        graph = SocialGraph([f"u{number}" for number in range(USERS)], pairs)
        mix = Mix("test", "", dict.fromkeys(actions, 1.0), walk_pages=5, think_seconds=think_seconds)
        self.liar = Liar(self.clock, lie)
        self.crowd = Crowd(cast("Client", self.liar), graph, Share())
        watches = Watches(self.crowd, self._record, self.clock.timing, self._at_once)
        stream = Workload(graph, mix, seed=7).stream(0)
        self.player = Player(self.crowd, stream, self._record, watches, self.clock.timing, mix.walk_pages)

    def play(self, sessions: int = SESSIONS) -> Measured:
        for _ in range(sessions):
            self.player.play_session()
        return self

    def wrong(self) -> set[str]:
        return {str(failure) for _, _, _, failure in self.records if isinstance(failure, Wrong)}

    def failures(self) -> list[Exception]:
        return [failure for _, _, _, failure in self.records if failure is not None]

    def seconds(self, kind: str, row: str) -> list[float]:
        return [seconds for found, name, seconds, _ in self.records if (found, name) == (kind, row)]

    def _record(self, kind: str, row: str, seconds: float, failure: Exception | None = None) -> None:
        self.records.append((kind, row, seconds, failure))

    def _at_once(self, watch: Callable[[], None]) -> bool:
        watch()
        return True


def test_an_honest_system_is_not_accused() -> None:
    measured = Measured("", *Action).play()
    assert measured.failures() == []
    rows = {row for kind, row, _, _ in measured.records if kind == CALL}
    assert {"home", "home, refreshed", "home, next page", "post", "reply", "repost", "delete"} < rows
    assert {"follow", "unfollow", "home, after an unfollow"} < rows
    assert {"home, after own post", "home, after a deletion", "get tweet, deleted"} < rows
    assert measured.seconds(VISIBLE, "post to visible")


@pytest.mark.parametrize(
    ("lie", "actions", "finding"),
    [
        ("oldest_first", (Action.HOME, Action.POST), ORDER),
        ("repeats_on_a_page", (Action.HOME, Action.POST), TWICE),
        ("repeats_across_pages", (Action.WALK, Action.POST), TWICE),
        ("ignores_since", (Action.HOME, Action.REFRESH, Action.POST), NOT_NEWER),
        ("hides_own_posts", (Action.POST,), OWN_MISSING),
        ("unfollows_nobody", (Action.POST, Action.HOME, Action.UNFOLLOW), UNFOLLOWED),
        ("deletes_nothing", (Action.DELETE,), DELETED_READ),
        ("fetches_the_deleted", (Action.DELETE,), DELETED_FETCHED),
        ("drops_deliveries", (Action.POST,), NOT_DELIVERED),
    ],
)
def test_a_lie_is_noticed(lie: str, actions: tuple[Action, ...], finding: str) -> None:
    assert finding in Measured(lie, *actions).play().wrong()


def test_what_is_late_by_the_system_s_own_word_has_failed_and_is_not_wrong() -> None:
    measured = Measured("delivers_late", Action.POST).play(3)
    assert measured.wrong() == set()
    assert {type(failure) for failure in measured.failures()} == {NotVisible}


def test_who_has_left_is_not_watched() -> None:
    measured = Measured("drops_deliveries", Action.POST)
    for follower in range(USERS):
        for author in range(USERS):
            measured.crowd.leaves(follower, author + 1)
    measured.play()
    assert measured.seconds(VISIBLE, "post to visible") == []


def test_time_counts_from_the_intended_beginning() -> None:
    """Steps that are meant to come faster than they are answered: each waits for all before it, and says so."""
    quick = CALL_SECONDS / 10
    measured = Measured("", Action.HOME, think_seconds=quick)
    for user in range(USERS):
        measured.crowd.id_of(user)
    measured.player._intended = began = measured.clock.seconds
    measured.play(20)
    homes, late = measured.seconds(CALL, "home"), measured.seconds(GENERATOR, LATE_ROW)
    assert len(homes) == len(late) > 100
    # Nearly all of the time that answers took is waiting, which a closed loop would not see.
    assert homes[-1] > 0.8 * (measured.clock.seconds - began)
    assert homes[-1] == pytest.approx(late[-1] + CALL_SECONDS)


def test_a_system_that_keeps_up_is_not_charged_for_thinking() -> None:
    measured = Measured("", Action.HOME, think_seconds=100 * CALL_SECONDS).play()
    homes = sorted(measured.seconds(CALL, "home"))
    assert homes[len(homes) // 2] == pytest.approx(CALL_SECONDS)


def test_nobody_plays_two_sessions_at_once_and_shares_are_kept() -> None:
    measured = Measured("", Action.HOME)
    crowd = Crowd(cast("Client", measured.liar), measured.crowd.graph, Share(1, 3))
    stream = Workload(crowd.graph, Mix("test", "", {Action.HOME: 1.0}, readers=0.0), seed=7).stream(0)
    readers: list[int] = []
    open_sessions: list[Any] = []
    for _ in range(2 * USERS):
        entered = crowd.session(stream)
        session = entered.__enter__()
        open_sessions.append(entered)
        if session is None:
            break
        readers.append(session.reader)
    assert session is None, "somebody plays twice"
    assert len(readers) == len(set(readers))
    assert set(readers) <= {user for user in range(USERS) if user % 3 == 1}
    assert len(readers) >= USERS // 3 - 1
    for entered in open_sessions:
        entered.__exit__(None, None, None)


def test_sleeps_are_never_negative() -> None:
    measured = Measured("", Action.HOME, think_seconds=CALL_SECONDS / 10)
    slept: list[float] = []
    timing = Timing(measured.clock.timing.now, slept.append)
    stream = Workload(measured.crowd.graph, Mix("test", "", {Action.HOME: 1.0}), seed=7).stream(0)
    watches = Watches(measured.crowd, measured._record, timing, lambda watch: True)
    player = Player(measured.crowd, stream, measured._record, watches, timing, 1)
    for _ in range(20):
        player.play_session()
    assert min(slept) >= 0
