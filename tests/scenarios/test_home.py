"""Promise 2: at rest every home equals the reference model, whatever the modes, their changes and who was away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from murmuration.v1 import tweet_pb2
from tests.support.world import World

PUSH, PULL = tweet_pb2.DELIVERY_MODE_PUSH, tweet_pb2.DELIVERY_MODE_PULL
AWAY_SECONDS = 700
"""Longer than the activity horizon of these worlds, shorter than their homes' horizon."""


def follow_all(world: World, reader: int) -> None:
    for other in world.users:
        if other != reader:
            world.follow(reader, other)


def check_all(world: World) -> None:
    world.system.settle()
    for user in world.users:
        for size in (1, 2, 3):
            world.check_rest(user, size)


def test_an_author_crosses_the_line_and_comes_back_with_deliveries_under_way(world: World) -> None:
    reader, author = world.users[:2]
    admin = world.system.client.admin
    world.follow(reader, author)
    world.system.settle()

    posts = [world.post(author, "Pushed")]
    world.system.step("relay-tweets")
    world.system.step("fanout-planner")
    admin.set_author_mode(author, PULL)
    posts.append(world.post(author, "Pulled"))
    world.system.step("relay-tweets")
    admin.set_author_mode(author, PUSH)
    posts.append(world.post(author, "Pushed again"))

    stamps = world.system.client.batch_get_tweets(posts)
    assert [stamps[post].delivery_mode for post in posts] == [PUSH, PULL, PUSH]
    world.check_now(reader)
    world.system.refresh_view()
    world.check_now(reader)
    check_all(world)


def test_a_writer_who_reads_the_mode_late_loses_nothing(make_world: Callable[..., World]) -> None:
    # Memcached counts by a clock of its own: what the test has cached must not end while it goes on.
    world = make_world(4, graph={"mode_refresh_ms": 600_000})
    reader, author = world.users[:2]
    world.follow(reader, author)
    for mode in (PULL, PUSH, PULL):
        world.system.client.admin.set_author_mode(author, mode)
        world.post(author, "This fills the cache with the mode")
        # Behind the back of TweetService, which keeps the mode for a while.
        world.system.graph_store.set_mode(world.system.call(), author, PUSH if mode == PULL else PULL, True)
        world.system.refresh_view()
        late = world.post(author, "This has the mode of before")
        assert world.system.client.get_tweet(late).tweet.delivery_mode == mode
        world.system.refresh_view()
    check_all(world)


def test_followers_carry_an_author_over_the_line_and_back(world: World) -> None:
    *fans, author = world.users
    modes = []
    for fan in fans:
        world.follow(fan, author)
    for fan in [None, *fans]:
        if fan is not None:
            world.unfollow(fan, author)
        world.system.step("author-modes")
        world.pass_time(1)  # TweetService may read the mode late, but not later
        modes.append(world.system.client.get_tweet(world.post(author)).tweet.delivery_mode)
        check_all(world)
    # More than two followers make a PULL author, fewer than one a PUSH author; between, he stays what he is.
    assert modes == [PULL, PULL, PULL, PUSH]


@pytest.mark.parametrize("mode", [PUSH, PULL])
def test_who_was_away_for_long_finds_all_at_once_and_afterwards(world: World, mode: int) -> None:
    reader = world.users[0]
    follow_all(world, reader)
    for author in world.users[1:]:
        world.system.client.admin.set_author_mode(author, mode)
        world.post(author)
    check_all(world)
    world.pass_time(AWAY_SECONDS)
    for author in world.users[1:]:
        for _ in range(2):
            world.post(author, "While you were away")
    world.system.settle()
    skipped = world.system.worker_metrics.skipped_inactive
    assert mode == PULL or sum(sample.value for sample in skipped.collect()[0].samples if sample.name.endswith("total"))
    world.check_rest(reader)  # rebuilt while he reads
    check_all(world)  # and from the rebuilt home
    world.pass_time(AWAY_SECONDS)
    world.post(author, "And again")
    check_all(world)


def test_a_home_that_an_operator_has_rebuilt_is_whole_all_the_while(world: World) -> None:
    reader = world.users[0]
    follow_all(world, reader)
    for author in world.users[1:]:
        world.post(author)
        world.post(author)
    world.system.settle()
    world.system.client.admin.rebuild_timeline(reader)
    world.check_rest(reader)
    world.system.step("relay-timeline")
    world.check_rest(reader)
    world.post(world.users[1], "In between")
    check_all(world)


def test_posts_leave_a_home_at_its_size_and_at_the_horizon(world: World) -> None:
    reader, author = world.users[:2]
    world.follow(reader, author)
    for _ in range(world.model.home_size + 2):
        world.pass_time(1)
        world.post(author)
    check_all(world)
    assert len(world.home(reader)) == world.model.home_size
    world.pass_time(world.model.horizon_ms / 1000 - 3)
    check_all(world)
    assert len(world.home(reader)) == 4
    world.pass_time(3.002)
    check_all(world)
    assert world.home(reader) == []


def test_conversations_reach_those_whom_they_concern(world: World) -> None:
    reader, author, friend, stranger = world.users
    world.follow(reader, author)
    world.follow(reader, friend)
    asked = world.post(stranger, "Who comes?")
    strange = world.post(author, "I do", asked)
    to_friend = world.post(author, "Do you?", world.post(friend, "Let me see"))
    to_reader = world.post(author, "And you?", world.post(reader, "Hello"))
    world.system.settle()
    home = world.home(reader)
    assert {to_friend, to_reader} <= set(home)
    assert strange not in home
    thread = world.post(author, "One")
    two = world.post(author, "Two", thread)
    three = world.post(author, "Three", two)
    world.system.settle()
    assert {thread, two, three} <= set(world.home(reader))
    check_all(world)


def test_what_is_reposted_twice_is_shown_once(world: World) -> None:
    reader, author, one, another = world.users
    follow_all(world, reader)
    original = world.post(author)
    world.repost(one, original)
    newest = world.repost(another, original)
    check_all(world)
    assert world.home(reader) == [original]
    # Two entries later the original lies outside of the window, and it is news again.
    world.undo_repost(another, original)
    world.undo_repost(one, original)
    for _ in range(world.model.repost_window):
        world.post(author)
    newest = world.repost(one, original)
    check_all(world)
    assert world.home(reader)[0] == newest


def test_a_home_with_the_limits_of_every_day(make_world: Callable[..., World]) -> None:
    world = make_world(3, small=False)
    reader, author, other = world.users
    world.follow(reader, author)
    world.follow(reader, other)
    world.system.client.admin.set_author_mode(other, PULL)
    for number in range(60):
        post = world.post((author, other)[number % 2], f"Number {number}")
        if number % 7 == 0:
            world.repost(other, post)
        if number % 11 == 0:
            world.post(author, "Indeed", post)
    world.system.settle()
    for user in world.users:
        world.check_rest(user, 100)
        world.check_rest(user, 7, exclude_replies=True)
