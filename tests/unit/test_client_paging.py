"""Walks over pages: short and empty pages do not end them, only an empty token does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_client import Client, InternalError
from tests.unit.test_client_support import ScriptedServer, connected

# What stands on each page: full, empty, short, empty, and one after which the walk ends.
PAGES: tuple[list[int], ...] = ([9, 8], [], [7], [], [6, 5])


def by_token(page: Callable[[list[int], str], Message]) -> Callable[[Any, object], Message]:
    """Answers PAGES by tokens "1" to "4", so that a walk that lost its token would show it."""

    def answer(request: Any, _context: object) -> Message:
        number = int(request.page_token or 0)
        return page(PAGES[number], str(number + 1) if number + 1 < len(PAGES) else "")

    return answer


def item(tweet_id: int) -> timeline_pb2.HomeTimelineItem:
    return timeline_pb2.HomeTimelineItem(tweet=tweet_pb2.Tweet(tweet_id=tweet_id, author_id=tweet_id * 10))


def home(ids: list[int], token: str) -> timeline_pb2.ListHomeTimelineResponse:
    return timeline_pb2.ListHomeTimelineResponse(
        items=[item(each) for each in ids],
        users=[user_pb2.User(user_id=each * 10, handle=f"u{each}") for each in ids],
        next_page_token=token,
        state=timeline_pb2.TimelineState(status=timeline_pb2.TimelineState.STATUS_READY, lag_ms=len(token)),
    )


@pytest.fixture
def pair() -> Iterator[tuple[ScriptedServer, Client]]:
    with connected() as (server, client):
        yield server, client


def test_ids_and_posts_are_walked_to_the_end(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    lists: dict[str, tuple[Callable[[list[int], str], Message], Callable[[], Iterator[object]]]] = {
        "ListFollowers": (
            lambda ids, token: graph_pb2.ListFollowersResponse(user_ids=ids, next_page_token=token),
            lambda: client.iter_followers(7, page_size=2),
        ),
        "ListFollowing": (
            lambda ids, token: graph_pb2.ListFollowingResponse(user_ids=ids, next_page_token=token),
            lambda: client.iter_following(7, page_size=2),
        ),
        "ListUserTweets": (
            lambda ids, token: tweet_pb2.ListUserTweetsResponse(
                tweets=[tweet_pb2.Tweet(tweet_id=each) for each in ids], next_page_token=token
            ),
            lambda: (tweet.tweet_id for tweet in client.iter_user_tweets(7, page_size=2)),
        ),
    }
    for method, (page, walk) in lists.items():
        server.on(method, by_token(page))
        assert list(walk()) == [9, 8, 7, 6, 5]
        assert [each.page_token for each in server.requests(method)] == ["", "1", "2", "3", "4"]
        assert {(each.user_id, each.page_size) for each in server.requests(method)} == {(7, 2)}


def test_a_home_walk_keeps_its_query_and_gathers_users_and_state(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("ListHomeTimeline", by_token(home))
    walk = client.acting_as(1).home_walk(page_size=2, since_tweet_id=4, exclude_replies=True, exclude_reposts=True)
    assert (walk.users, walk.state) == ({}, None)
    assert next(walk).tweet.tweet_id == 9
    assert sorted(walk.users) == [80, 90]
    assert walk.state is not None
    assert walk.state.lag_ms == 1
    assert [each.tweet.tweet_id for each in walk] == [8, 7, 6, 5]
    assert sorted(walk.users) == [50, 60, 70, 80, 90]
    assert walk.state.lag_ms == 0
    queries = {
        (each.page_size, each.since_tweet_id, each.exclude_replies, each.exclude_reposts)
        for each in server.requests("ListHomeTimeline")
    }
    assert queries == {(2, 4, True, True)}


def test_home_gives_the_items_alone(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("ListHomeTimeline", by_token(home))
    assert [each.tweet.tweet_id for each in client.acting_as(1).home()] == [9, 8, 7, 6, 5]
    [asked, *_] = server.requests("ListHomeTimeline")
    assert asked == timeline_pb2.ListHomeTimelineRequest(page_size=100)


def test_a_walk_that_stands_still_is_an_error_and_not_endless(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("ListFollowers", graph_pb2.ListFollowersResponse(next_page_token="same"))
    with pytest.raises(InternalError, match="never end"):
        list(client.iter_followers(7))
    assert len(server.requests("ListFollowers")) == 2
