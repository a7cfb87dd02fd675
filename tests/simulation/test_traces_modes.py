"""Trace D: authors who cross the line between PUSH and PULL, and the view of PULL posts."""

from __future__ import annotations

import pytest

from murmuration.v1.tweet_pb2 import DELIVERY_MODE_PULL, DELIVERY_MODE_PUSH
from tests.support.sim import DEGRADED, READY, Person, System, settings, simulate

SETTINGS = settings(graph={"mode_refresh_ms": 50})
NOTICED_SECONDS = 0.2
"""Until writers have noticed a new mode."""
TOO_OLD_SECONDS = 6.0
SEEDS = (1, 2, 3)
ONCE = "6f1c0f0e-9c1e-4b1e-8f6e-0d3a5b7c9e11"


def follower_of_a_pull_author(system: System) -> tuple[Person, Person]:
    """(author, follower), with nothing under way."""
    author, reader = system.people("author reader")
    reader.follow(author)
    set_mode(system, author, DELIVERY_MODE_PULL)
    system.rest()
    return author, reader


def set_mode(system: System, author: Person, mode: int) -> None:
    system.pin_mode(author, mode)
    system.sleep(NOTICED_SECONDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_post_stamped_pull_is_shown_though_its_author_is_pushed_by_now(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = follower_of_a_pull_author(system)
        stamped = system.hold("writer", "tweets.create")
        writer = system.begin("writer", author.post)
        stamped.wait()
        set_mode(system, author, DELIVERY_MODE_PUSH)
        stamped.open()
        post = writer.result()
        system.rest()
        assert reader.home() == [post]

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_post_stamped_push_is_delivered_though_its_author_is_pulled_by_now(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        reader.follow(author)
        system.rest()
        planning = system.hold("fanout-planner", "tweets.restore")
        post = author.post()
        planning.wait()
        set_mode(system, author, DELIVERY_MODE_PULL)
        planning.open()
        system.rest()
        assert reader.home() == [post]

    simulate(seed, scenario, SETTINGS)


def test_an_author_goes_back_and_forth_and_nothing_is_lost_or_doubled() -> None:
    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        reader.follow(author)
        posts = []
        for mode in (DELIVERY_MODE_PULL, DELIVERY_MODE_PUSH) * 4:
            system.pin_mode(author, mode)
            posts += [author.post() for _ in range(2)]
            system.sleep(0.07)
        system.rest()
        assert reader.home() == posts[::-1]

    simulate(4, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_age_of_the_view_counts_from_the_start_of_its_refresh(seed: int) -> None:
    """The view reads, and is long in installing what it read: what was posted since is not in it."""

    def scenario(system: System) -> None:
        author, reader = follower_of_a_pull_author(system)
        read = system.hold("pull-view", "tweets.list_pull.done").wait()
        post = author.post()
        system.pass_time(TOO_OLD_SECONDS)
        next_refresh = system.hold("pull-view", "tweets.list_pull")
        read.open()
        next_refresh.wait()
        page = reader.page()
        assert page.ids == [post] or page.status == DEGRADED
        next_refresh.open()

    simulate(seed, scenario, SETTINGS)


def test_a_view_that_is_too_old_is_said_to_be() -> None:
    def scenario(system: System) -> None:
        author, reader = follower_of_a_pull_author(system)
        stuck = system.hold("pull-view", "tweets.list_pull").wait()
        post = author.post()
        assert reader.page().status == READY
        system.pass_time(TOO_OLD_SECONDS)
        assert reader.page().status == DEGRADED
        stuck.open()
        system.rest()
        page = reader.page()
        assert (page.ids, page.status) == ([post], READY)

    simulate(1, scenario, SETTINGS)


def test_the_view_is_judged_as_it_was_when_the_page_was_read() -> None:
    """It is refreshed while the page is being made of what it held before."""

    def scenario(system: System) -> None:
        author, reader = follower_of_a_pull_author(system)
        stuck = system.hold("pull-view", "tweets.list_pull").wait()
        post = author.post()
        system.pass_time(TOO_OLD_SECONDS)
        reading = system.hold("reader", "homes.read")
        running = system.begin("reader", reader.page)
        reading.wait()
        stuck.open()
        system.rest()
        reading.open()
        page = running.result()
        assert page.ids == [post] or page.status == DEGRADED

    simulate(1, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_view_finds_a_post_that_is_stored_after_a_later_one(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = follower_of_a_pull_author(system)
        has_its_id = system.hold("slow", "tweets.create")
        slow = system.begin("slow", author.post)
        has_its_id.wait()
        later = author.post()
        system.rest()
        assert reader.home() == [later]
        has_its_id.open()
        first = slow.result()
        assert first < later
        system.rest()
        assert reader.home() == [later, first]

    simulate(seed, scenario, SETTINGS)


def test_the_view_finds_a_post_that_a_late_retry_finishes_under_its_old_id() -> None:
    """The first attempt takes the claim, and dies; the client tries again when the view looks there no more."""

    def scenario(system: System) -> None:
        author, reader = follower_of_a_pull_author(system)
        dead = system.hold("dies", "tweets.create")
        system.begin("dies", lambda: author.post(request_id=ONCE))
        dead.wait()
        system.pass_time(system.settings.timeline.view_reread_ms / 1000 + 10)
        post = author.post(request_id=ONCE)
        system.rest()
        page = reader.page()
        assert page.ids == [post] or page.status != READY

    simulate(1, scenario, SETTINGS)


def test_a_page_says_no_more_of_pulled_posts_than_its_view_knows() -> None:
    """`as_of`: what was acked before that moment is in the page; the view may be older than the watermark."""

    def scenario(system: System) -> None:
        author, reader = follower_of_a_pull_author(system)
        stuck = system.hold("pull-view", "tweets.list_pull").wait()
        author.post()
        acked_ms = system.runtime.now_ms()
        system.sleep(2)
        page = reader.page()
        assert page.ids or page.status == DEGRADED or page.as_of_ms <= acked_ms
        stuck.open()

    simulate(1, scenario, SETTINGS)
