"""Promise 3: a walk shows each post at most once, strictly newest first, and ends only at the end; cursors are signed,
and bound to reader and query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from murmuration.v1 import tweet_pb2
from murmuration.v1.tweet_pb2_grpc import TweetServiceStub
from murmuration_client import InvalidArgument
from tests.support.world import World

PULL = tweet_pb2.DELIVERY_MODE_PULL


@pytest.fixture
def told(world: World) -> World:
    """u0 follows u1, who has posted five times."""
    reader, author = world.users[:2]
    world.follow(reader, author)
    for number in range(5):
        world.post(author, f"Number {number}")
    world.system.settle()
    return world


def refuse(world: World, reader: int, token: str, **query: Any) -> None:
    with pytest.raises(InvalidArgument) as refused:
        world.system.user(reader).home_page(1, token, **query)
    assert refused.value.reason == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_walk_while_people_go_on_posting(told: World, size: int) -> None:
    reader, author, other = told.users[:3]
    walk = told.begin_walk(reader, size)
    while not walk.ended:
        walk.go_on()
        told.post(author, "New")
        told.follow(reader, other)
        told.post(other, "Newer")
        told.system.settle()
    assert len(walk.shown) == 5


def test_a_walk_over_what_is_deleted_unfollowed_and_flushed_on_the_way(told: World) -> None:
    reader, author = told.users[:2]
    walk = told.begin_walk(reader, 1)
    walk.go_on()
    told.delete(walk.shown[-1])
    told.system.flush_cache()
    walk.go_on()
    told.system.restart_serving()
    told.system.refresh_view()
    walk.go_on()
    told.unfollow(reader, author)
    while not walk.ended:
        walk.go_on()
    assert len(walk.shown) == 3


def test_a_short_page_still_carries_a_cursor(make_world: Callable[..., World]) -> None:
    world = make_world(4, timeline={"scan_per_page": 2})
    reader, author, _, stranger = world.users
    world.follow(reader, author)
    seen = world.post(author, "Hello")
    asked = world.post(stranger)
    for _ in range(6):
        world.post(author, "Not for those who do not follow whom I answer", asked)
    world.system.settle()
    shown: list[int] = []
    tokens = [""]
    while True:
        page = world.system.user(reader).home_page(1, tokens[-1])
        shown += [item.tweet.tweet_id for item in page.items]
        if not page.next_page_token:
            break
        tokens.append(page.next_page_token)
    assert shown == [seen]
    assert 3 <= len(tokens) <= 7, "empty pages, each of which gets on"


@pytest.mark.parametrize("scanned", range(7, 12))
def test_a_repost_is_not_shown_because_a_page_ran_out(make_world: Callable[..., World], scanned: int) -> None:
    world = make_world(4, timeline={"scan_per_page": scanned})
    reader, author, reposter, stranger = world.users
    world.follow(reader, author)
    world.follow(reader, reposter)
    asked = world.post(stranger)
    original = world.post(author)
    for _ in range(4):
        world.post(author, "Not for those who do not follow whom I answer", asked)
    world.repost(reposter, original)
    for _ in range(4):
        world.post(author)
    world.system.settle()
    for size in (1, 2, 3):
        world.check_rest(reader, size)
        assert world.home(reader, size)[-1] == original


def test_hiding_does_not_reach_deeper_than_the_home(world: World) -> None:
    reader, author = world.users[:2]
    world.follow(reader, author)
    old = world.post(author)
    for _ in range(world.model.home_size):
        world.post(author, "And", old)
    world.system.settle()
    assert world.home(reader, 2, exclude_replies=True) == []
    world.check_rest(reader, 2, exclude_replies=True)


def test_only_what_is_newer_for_a_refresh(told: World) -> None:
    reader, author = told.users[:2]
    newest = told.home(reader)[0]
    assert told.home(reader, since_tweet_id=newest) == []
    new = [told.post(author, "New") for _ in range(3)]
    told.system.settle()
    assert told.home(reader, 2, since_tweet_id=newest) == new[::-1]


def test_a_forged_cursor(told: World) -> None:
    reader = told.users[0]
    token = told.system.user(reader).home_page(1).next_page_token
    # Not the last character, of which some bits mean nothing.
    for place in range(len(token) - 1):
        other = "A" if token[place] != "A" else "B"
        refuse(told, reader, token[:place] + other + token[place + 1 :])
    for end in (1, len(token) // 2, len(token) - 2):
        refuse(told, reader, token[:end])
    for text in ("x", "not a token", "ä", "=" * 80, "A" * 86, token + token):
        refuse(told, reader, text)


def test_somebody_elses_cursor(told: World) -> None:
    reader, author = told.users[:2]
    refuse(told, author, told.system.user(reader).home_page(1).next_page_token)


def test_another_querys_cursor(told: World) -> None:
    reader = told.users[0]
    oldest = told.home(reader)[-1]
    queries: list[dict[str, Any]] = [
        {},
        {"exclude_replies": True},
        {"exclude_reposts": True},
        {"exclude_replies": True, "exclude_reposts": True},
        {"since_tweet_id": oldest},
        {"since_tweet_id": oldest - 1},
    ]
    tokens = [told.system.user(reader).home_page(1, **query).next_page_token for query in queries]
    for token, mine in zip(tokens, queries, strict=True):
        assert token
        for query in queries:
            if query != mine:
                refuse(told, reader, token, **query)
        told.system.user(reader).home_page(3, token, **mine)


def test_another_lists_cursor(told: World) -> None:
    reader, author = told.users[:2]
    request = tweet_pb2.ListUserTweetsRequest(user_id=author, page_size=1)
    with grpc.insecure_channel(told.system.target) as channel:
        token = TweetServiceStub(channel).ListUserTweets(request, timeout=30).next_page_token
    assert token
    refuse(told, reader, token)


def test_an_expired_cursor(told: World) -> None:
    reader = told.users[0]
    age_ms = told.system.settings.timeline.cursor_age_ms
    token = told.system.user(reader).home_page(1).next_page_token
    told.pass_time(age_ms / 1000)
    told.system.user(reader).home_page(1, token)
    told.pass_time(0.001)
    refuse(told, reader, token)


def test_a_cursor_outlives_the_process_that_made_it(told: World) -> None:
    reader = told.users[0]
    client = told.system.user(reader)
    whole, first = told.home(reader), client.home_page(2)
    told.system.restart_serving()
    told.system.refresh_view()
    rest = told.system.user(reader).home_page(3, first.next_page_token)
    assert [item.tweet.tweet_id for item in [*first.items, *rest.items]] == whole


@pytest.mark.parametrize("size", [-1, -(2**31)])
def test_a_page_of_less_than_nothing(told: World, size: int) -> None:
    with pytest.raises(InvalidArgument):
        told.system.user(told.users[0]).home_page(size)


@pytest.mark.parametrize("size", [0, 2**31 - 1])
def test_a_page_of_no_size_or_of_any_size_is_of_the_greatest(told: World, size: int) -> None:
    page = told.system.user(told.users[0]).home_page(size)
    assert len(page.items) == told.system.settings.timeline.max_page_size
