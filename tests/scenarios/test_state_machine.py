"""Whatever is done in whatever order, homes, walks, relations and counts are those of the reference model.

TEST_EXAMPLES scales the number of examples (1: as in CI, the same ones each time; more: other ones each time).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from murmuration.v1 import tweet_pb2
from tests.support.assembly import CACHE_BYTES, Assembly, small_constants
from tests.support.engines import Engine, FileEngine, StackEngine
from tests.support.walks import Walk
from tests.support.world import DEGRADED, World

SCALE = float(os.environ.get("TEST_EXAMPLES", "1"))
STEPS = int(os.environ.get("MURMURATION_STEPS", "30"))
MEMORY = Path("/dev/shm")
MOST_USERS = 5
MODES = (tweet_pb2.DELIVERY_MODE_UNSPECIFIED, tweet_pb2.DELIVERY_MODE_PUSH, tweet_pb2.DELIVERY_MODE_PULL)

people = st.integers(0, MOST_USERS - 1)
places = st.integers(0, 11)  # 0: the newest entry
sizes = st.integers(1, 3)


class Homes(RuleBasedStateMachine):
    """Small numbers stand for users, and for entries from the newest on, so a failure shrinks to a short story."""

    change: ClassVar[dict[str, Any]] = {}
    cache_bytes: ClassVar[int] = CACHE_BYTES

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.system = Assembly(self.engine(), self.change, cache_bytes=self.cache_bytes)
        self.world = World(self.system)
        self.walk: Walk | None = None
        self.failed: list[tuple[int, str]] = []

    def engine(self) -> Engine:
        return FileEngine(self.folder)

    def teardown(self) -> None:
        try:
            if self.world.users:
                self._check_all(2, {})
        finally:
            self.system.close()
            shutil.rmtree(self.folder)

    def user(self, number: int) -> int:
        return self.world.users[number % len(self.world.users)]

    def other(self, user: int, number: int) -> int:
        others = [other for other in self.world.users if other != user]
        return others[number % len(others)]

    def entry(self, place: int) -> int:
        newest_first = sorted(self.world.model.entries, reverse=True)
        return newest_first[place % len(newest_first)]

    @initialize(
        follows=st.lists(st.integers(0, 3), min_size=3, max_size=MOST_USERS),
        modes=st.lists(st.sampled_from(MODES), max_size=MOST_USERS),
        authors=st.lists(people, max_size=6),
        at_rest=st.integers(0, 3),
    )
    def begin(
        self, follows: list[int], modes: list[tweet_pb2.DeliveryMode.ValueType], authors: list[int], at_rest: int
    ) -> None:
        """As many users as there are numbers in `follows`; each follows so many of those who come after him."""
        for _ in follows:
            self.world.create_user()
        for number, count in enumerate(follows):
            for other in range(min(count, len(follows) - 1)):
                self.world.follow(self.user(number), self.user(number + 1 + other))
        for number, mode in enumerate(modes):
            self.set_mode(number, mode)
        if at_rest > 0:
            self.system.settle()
        for author in authors:
            self.world.post(self.user(author))

    # Posts

    @rule(who=people, mentioned=st.none() | people, times=st.integers(1, 3))
    def post(self, who: int, mentioned: int | None, times: int) -> None:
        # A name that nobody has yet stays plain text, also when somebody takes it later.
        author = self.user(who)
        for _ in range(times):
            self.world.post(author, "Hello" if mentioned is None else f"Hello @u{mentioned} !")
        self.world.check_now(author)

    @rule(who=people)
    def fail_to_post(self, who: int) -> None:
        author = self.user(who)
        self.failed.append((author, self.world.fail_to_post(author)))
        self.world.check_now(author)

    @precondition(lambda self: self.failed)
    @rule()
    def post_again_what_failed(self) -> None:
        author, request_id = self.failed.pop()
        self.world.post_again(author, request_id)
        self.world.check_now(author)

    @precondition(lambda self: self.world.model.entries)
    @rule(who=people, place=places, mentioned=st.none() | people)
    def reply(self, who: int, place: int, mentioned: int | None) -> None:
        author = self.user(who)
        self.world.post(author, "Yes" if mentioned is None else f"Yes @u{mentioned} !", self.entry(place))
        self.world.check_now(author)

    @precondition(lambda self: self.world.model.entries)
    @rule(place=places)
    def go_on_with_a_thread(self, place: int) -> None:
        entry = self.world.model.entries[self.entry(place)]
        self.world.post(entry.author, "And", entry.id)

    @precondition(lambda self: self.world.model.entries)
    @rule(who=people, place=places)
    def repost(self, who: int, place: int) -> None:
        self.world.repost(self.user(who), self.entry(place))

    @precondition(lambda self: self.world.model.entries)
    @rule(who=people, place=places)
    def undo_repost(self, who: int, place: int) -> None:
        self.world.undo_repost(self.user(who), self.world.model.original(self.entry(place)).id)

    @precondition(lambda self: self.world.model.entries)
    @rule(place=places)
    def delete(self, place: int) -> None:
        entry = self.entry(place)
        self.world.delete(entry)
        self.world.check_now(self.world.model.entries[entry].author)

    # Relations

    @precondition(lambda self: len(self.world.users) < MOST_USERS)
    @rule()
    def create_user(self) -> None:
        self.world.create_user()

    @rule(who=people, whom=people, hide_reposts=st.booleans())
    def follow(self, who: int, whom: int, hide_reposts: bool) -> None:
        user = self.user(who)
        other = self.other(user, whom)
        new = (user, other) not in self.world.model.follows
        if self.world.follow(user, other, hide_reposts) and new:
            self.world.check_followed(user, other)

    @rule(who=people, whom=people)
    def unfollow(self, who: int, whom: int) -> None:
        self._relate(self.world.unfollow, who, whom)

    @rule(who=people, whom=people)
    def follow_anew(self, who: int, whom: int) -> None:
        user = self.user(who)
        self.world.unfollow(user, self.other(user, whom))
        if self.world.follow(user, self.other(user, whom)):
            self.world.check_followed(user, self.other(user, whom))

    @rule(who=people, whom=people)
    def block(self, who: int, whom: int) -> None:
        self._relate(self.world.block, who, whom)

    @rule(who=people, whom=people)
    def unblock(self, who: int, whom: int) -> None:
        self._relate(self.world.unblock, who, whom)

    @rule(who=people, whom=people)
    def mute(self, who: int, whom: int) -> None:
        self._relate(self.world.mute, who, whom)

    @rule(who=people, whom=people)
    def unmute(self, who: int, whom: int) -> None:
        self._relate(self.world.unmute, who, whom)

    def _relate(self, act: Callable[[int, int], None], who: int, whom: int) -> None:
        user = self.user(who)
        act(user, self.other(user, whom))
        self.world.check_now(user)
        self.world.check_now(self.other(user, whom))

    # What happens to the system

    @rule(who=people, mode=st.sampled_from(MODES))
    def set_mode(self, who: int, mode: tweet_pb2.DeliveryMode.ValueType) -> None:
        self.system.client.admin.set_author_mode(self.user(who), mode)

    @rule(seconds=st.sampled_from([0.001, 1.5, 30, 70, 320, 2000]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(who=people, times=st.integers(1, 5))
    def post_while_others_are_long_away(self, who: int, times: int) -> None:
        self.world.pass_time(700)
        for _ in range(times):
            self.world.post(self.user(who))
        self.system.run_until_idle()

    @rule(number=st.integers(0, 30), times=st.integers(1, 3))
    def work(self, number: int, times: int) -> None:
        """Some of the work is done, the rest stays under way."""
        for _ in range(times):
            self.system.step(self._step(number))

    @rule(what=st.sampled_from(["publish", "publish and work off", "refresh the view", "all", "keep up"]))
    def work_off(self, what: str) -> None:
        publish = [name for name in self.system.worker_steps if name.startswith("relay-")]
        keep_up = ["author-modes", "outbox-janitor", "claim-upkeep", "watermark"]
        for name in {"publish": publish, "keep up": keep_up}.get(what, []):
            self.system.step(name)
        if what in ("publish and work off", "all"):
            self.system.run_until_idle()
        if what in ("refresh the view", "all"):
            self.system.refresh_view()

    @rule(
        what=st.sampled_from(["flush the cache", "restart the worker", "restart the serving process", "delay events"])
    )
    def disturb(self, what: str) -> None:
        if what == "flush the cache":
            self.system.flush_cache()
        elif what == "restart the worker":
            self.system.restart_worker()
        elif what == "delay events":
            self.system.log.holding = True
        else:
            self.system.restart_serving()
            assert self.system.user(self.user(0)).home_page(1).state.status == DEGRADED

    @rule(number=st.integers(0, 30))
    def crash_in_a_step(self, number: int) -> None:
        self.system.crash_in(self._step(number))

    @precondition(lambda self: self.system.log.appended)
    @rule(numbers=st.lists(st.integers(0, 40), min_size=1, max_size=3))
    def repeat_events(self, numbers: list[int]) -> None:
        appended = self.system.log.appended
        self.system.log.repeat(self.system.call(), [appended[-1 - number % len(appended)] for number in numbers])

    @precondition(lambda self: self.system.log.held)
    @rule(seed=st.integers(0, 5))
    def deliver_late_and_out_of_order(self, seed: int) -> None:
        self.system.log.release(self.system.call(), Random(seed))

    @rule(who=people)
    def rebuild(self, who: int) -> None:
        self.system.client.admin.rebuild_timeline(self.user(who))

    def _step(self, number: int) -> str:
        return self.system.worker_steps[number % len(self.system.worker_steps)]

    # What is looked at

    @rule(who=people, size=sizes)
    def read(self, who: int, size: int) -> None:
        self.world.check_now(self.user(who), size)

    @rule(who=people, size=sizes, place=places, without=st.sampled_from(["", "exclude_replies", "exclude_reposts"]))
    def come_to_rest(self, who: int, size: int, place: int, without: str) -> None:
        query: dict[str, Any] = {without: True} if without else {}
        if self.world.model.entries and place < 6:
            query["since_tweet_id"] = self.entry(place)
        self._check_all(size, query)

    @precondition(lambda self: self.walk is None)
    @rule(who=people, size=sizes)
    def begin_a_walk(self, who: int, size: int) -> None:
        self.system.settle()
        self.walk = self.world.begin_walk(self.user(who), size)
        self.go_on_with_the_walk()

    @precondition(lambda self: self.walk is not None)
    @rule()
    def go_on_with_the_walk(self) -> None:
        self.walk.go_on()
        if self.walk.ended:
            self.world.walks.clear()
            self.walk = None

    def _check_all(self, size: int, query: dict[str, Any]) -> None:
        self.system.log.holding = False
        self.system.settle()
        for number, user in enumerate(self.world.users):
            self.world.check_rest(user, 1 + (size + number) % 3)
            if query:
                self.world.check_rest(user, size, **query)
            self.world.check_relations(user)
        self.world.check_counts()
        # Who comes back after long is served at once; his home is rebuilt only then.
        self.system.settle()
        for user in self.world.users:
            self.world.check_rest(user, size)


class HomesOnTheStack(Homes):
    def engine(self) -> Engine:
        return StackEngine()


class HomesWithoutCache(Homes):
    cache_bytes = 0


class HomesWithATinyCache(Homes):
    """What is put into it pushes out what was there."""

    cache_bytes = 1000


class HomesAllPushed(Homes):
    change: ClassVar[dict[str, Any]] = {"graph": {"mode_policy": "push-only"}}


class HomesAllPulled(Homes):
    change: ClassVar[dict[str, Any]] = {"graph": {"mode_policy": "pull-only"}}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("machine", "examples"),
    [
        (Homes, 40),
        (HomesWithoutCache, 12),
        (HomesWithATinyCache, 12),
        (HomesAllPushed, 12),
        (HomesAllPulled, 12),
        pytest.param(HomesOnTheStack, 6, marks=pytest.mark.stack),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_all_that_is_shown_is_what_the_model_says(machine: type[Homes], examples: int) -> None:
    fixed = SCALE <= 1
    chosen = settings(
        max_examples=max(1, int(examples * SCALE)),
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=fixed,
        database=None,
        print_blob=True,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    with small_constants():
        run_state_machine_as_test(machine, settings=chosen)
