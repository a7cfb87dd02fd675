"""Fan-out page by page: whole, resumed where it stopped, and without effect when it comes again."""

from __future__ import annotations

from typing import Any

import pytest

from murmuration_server.platform.errors import Unavailable
from tests.support.sim import Person, System, settings, simulate

PAGE = 2
FOLLOWERS = 7
SETTINGS = settings(fanout={"page_size": PAGE})
SEEDS = (1, 2, 3)


def author_with_followers(system: System) -> tuple[Person, list[Person]]:
    """With nothing under way."""
    author, *followers = [system.person(f"user{number}") for number in range(FOLLOWERS + 1)]
    for follower in followers:
        follower.follow(author)
    system.rest()
    return author, followers


def holders(system: System, post: int) -> set[int]:
    """Whose homes hold it."""
    return {row[0] for row in system.sql("homes", "SELECT user_id FROM home WHERE tweet_id = ?", post)}


@pytest.mark.parametrize("seed", SEEDS)
def test_every_page_of_followers_is_written(seed: int) -> None:
    def scenario(system: System) -> None:
        author, followers = author_with_followers(system)
        posts = [author.post() for _ in range(2)]
        system.rest()
        for post in posts:
            assert holders(system, post) == {follower.user_id for follower in followers}
        for follower in followers:
            assert follower.home() == posts[::-1]

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_delivery_that_stops_goes_on_at_its_page(failing: int) -> None:
    def scenario(system: System) -> None:
        system.expects_errors = True
        author, followers = author_with_followers(system)
        in_order = sorted(follower.user_id for follower in followers)
        system.runtime.note("graph.list_followers")
        writes = 0

        def fail_once(rows: Any, *_more: Any) -> None:
            nonlocal writes
            writes += bool(rows)
            if rows and writes == failing:
                raise Unavailable("the store of homes")

        system.runtime.hooks["homes.write"] = fail_once
        post = author.post()
        system.rest()
        asked = [page.after for _, (pages,) in system.runtime.seen for page in pages]
        pages = [0, *(in_order[end - 1] for end in range(PAGE, FOLLOWERS, PAGE))]
        assert asked == [*pages[:failing], *pages[failing - 1 :]]
        assert holders(system, post) == set(in_order)

    simulate(1, scenario, SETTINGS)


def lose_a_commit(system: System) -> list[bool]:
    """The first step that has delivered small jobs dies before its commit; the answer is empty until then."""
    lost: list[bool] = []

    def lose(*_arguments: object) -> None:
        if not lost and system.runtime.task_name() == "deliveries-small":
            lost.append(True)
            raise Unavailable("the log")

    system.runtime.hooks["log.append"] = lose
    return lost


def test_all_jobs_of_a_batch_are_asked_about_at_once() -> None:
    """The points of all of them, then the first pages of all that are not done, one for both posts of an author; large
    ones go on page by page."""

    def scenario(system: System) -> None:
        system.expects_errors = True
        author, followers = author_with_followers(system)
        small = followers[0]
        author.follow(small)
        system.rest()
        lose_a_commit(system)
        system.runtime.note("homes.progress", "graph.list_followers")
        before = system.hold("deliveries-small", "log.poll")
        before.wait()
        posts = [author.post(), small.post(), small.post()]
        system.runtime.wait_for(
            lambda: len(list(system.sql("log", "SELECT 1 FROM records WHERE topic = 'deliveries-small'"))) >= 3,
            "three jobs",
        )
        before.open()
        system.rest()
        asked = [(label, len(arguments[0])) for label, arguments in system.runtime.seen]
        more_pages = [("graph.list_followers", 1)] * (FOLLOWERS // PAGE)
        again = [("homes.progress", 3), ("graph.list_followers", 1)]
        assert asked == [("homes.progress", 3), ("graph.list_followers", 2), *more_pages, *again]
        assert holders(system, posts[0]) == {follower.user_id for follower in followers}
        assert [holders(system, post) for post in posts[1:]] == [{author.user_id}] * 2

    simulate(1, scenario, SETTINGS)


def test_a_delivery_that_comes_again_changes_nothing() -> None:
    """The step dies between its last write and its commit."""

    def scenario(system: System) -> None:
        system.expects_errors = True
        author, followers = author_with_followers(system)
        lost = lose_a_commit(system)
        post = author.post()
        system.rest()
        assert lost
        for follower in followers:
            assert follower.home() == [post]

    simulate(1, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_deleted_post_that_is_delivered_late_is_not_shown(seed: int) -> None:
    def scenario(system: System) -> None:
        author, followers = author_with_followers(system)
        late = system.hold("deliveries-small", "graph.list_followers")
        post = author.post()
        late.wait()
        author.delete(post)
        late.open()
        system.rest()
        assert holders(system, post)
        for follower in followers:
            assert follower.home() == []

    simulate(seed, scenario, SETTINGS)


def test_followers_in_many_shards_have_every_post() -> None:
    def scenario(system: System) -> None:
        author, followers = author_with_followers(system)
        assert len(set(system.sql("graph", "SELECT shard FROM followers"))) > 1
        post = author.post()
        system.rest()
        assert holders(system, post) == {follower.user_id for follower in followers}

    simulate(1, scenario, settings(fanout={"page_size": PAGE}, graph={"followers_per_shard": 2}))


def test_a_page_says_no_more_of_pushed_posts_than_it_has_read() -> None:
    """While a page is being made a post is delivered, and the watermark passes it."""

    def scenario(system: System) -> None:
        author, followers = author_with_followers(system)
        reader = followers[0]
        shown = author.post()
        system.rest()
        has_read = system.hold("reader", "tweets.get_many", "tweets.counts")
        reading = system.begin("reader", reader.page)
        has_read.wait()
        post = author.post()
        acked_ms = system.runtime.now_ms()
        system.rest()
        system.sleep(1)
        has_read.open()
        page = reading.result()
        assert shown in page.ids
        assert post in page.ids or page.as_of_ms <= acked_ms

    simulate(1, scenario, SETTINGS)


@pytest.mark.parametrize(
    ("step", "label"),
    [
        ("relay-tweets", "tweets.read_outbox"),
        ("fanout-planner", "graph.author_modes"),
        ("deliveries-small", "graph.list_followers"),
    ],
)
def test_a_page_says_how_far_delivery_has_come(step: str, label: str) -> None:
    """A post is stuck on its way: in the outbox, before it is planned, before it is written."""

    def scenario(system: System) -> None:
        author, followers = author_with_followers(system)
        stuck = system.hold(step, label)
        post = author.post()
        acked_ms = system.runtime.now_ms()
        stuck.wait()
        system.sleep(1)
        page = followers[0].page()
        assert post not in page.ids
        assert page.as_of_ms <= acked_ms
        stuck.open()
        system.rest()
        assert followers[0].home() == [post]

    simulate(1, scenario, SETTINGS)
