"""Watching a home and waiting for a post, against a server whose answers are written here; with both clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from murmuration.v1 import timeline_pb2, tweet_pb2, user_pb2
from murmuration_client import (
    ActorRequired,
    Client,
    MurmurationError,
    NotVisible,
    Overloaded,
    Unavailable,
)
from murmuration_client.aio import AsyncClient
from tests.unit.test_client_support import ScriptedServer, refusal, serving

NOW = 1_000_000
STATUS = timeline_pb2.TimelineState
UNAVAILABLE = refusal(grpc.StatusCode.UNAVAILABLE, "ERROR_REASON_UNAVAILABLE")
NOBODY = refusal(grpc.StatusCode.UNAUTHENTICATED, "ERROR_REASON_ACTOR_REQUIRED")


class Both:
    """The calls under test, made with one client or the other."""

    def __init__(self, kind: str, target: str) -> None:
        self._kind, self._target = kind, target

    def watch(self, count: int, **options: Any) -> tuple[list[int], int, list[str]]:
        """The ids of so many items, the last id, and the handles known at the end."""
        if self._kind == "sync":
            with Client(self._target, actor_id=1) as client:
                watch = client.watch_home(longest_pause=0.01, **options)
                ids = [item.tweet.tweet_id for item in islice(watch, count)]
                return ids, watch.last_id, [user.handle for user in watch.users.values()]

        async def run() -> tuple[list[int], int, list[str]]:
            async with AsyncClient(self._target, actor_id=1) as client:
                watch = client.watch_home(longest_pause=0.01, **options)
                ids = [(await anext(watch)).tweet.tweet_id for _ in range(count)]
                return ids, watch.last_id, [user.handle for user in watch.users.values()]

        return asyncio.run(run())

    def wait(self, tweet: tweet_pb2.Tweet | int, **options: Any) -> timeline_pb2.HomeTimelineItem:
        if self._kind == "sync":
            with Client(self._target, actor_id=1) as client:
                return client.wait_visible(tweet, **options)

        async def run() -> timeline_pb2.HomeTimelineItem:
            async with AsyncClient(self._target, actor_id=1) as client:
                return await client.wait_visible(tweet, **options)

        return asyncio.run(run())


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving() as scripted:
        yield scripted


@pytest.fixture(params=["sync", "asyncio"])
def both(server: ScriptedServer, request: pytest.FixtureRequest) -> Both:
    return Both(request.param, server.target)


def page(
    *ids: int, token: str = "", status: Any = STATUS.STATUS_READY, as_of: int = NOW, lag: int = 0
) -> timeline_pb2.ListHomeTimelineResponse:
    return timeline_pb2.ListHomeTimelineResponse(
        items=[
            timeline_pb2.HomeTimelineItem(tweet=tweet_pb2.Tweet(tweet_id=each, author_id=7, create_time_ms=each))
            for each in ids
        ],
        users=[user_pb2.User(user_id=7, handle="alice")] if ids else [],
        next_page_token=token,
        state=timeline_pb2.TimelineState(status=status, as_of_ms=as_of, lag_ms=lag),
    )


def test_a_watch_reads_all_pages_and_goes_on(server: ScriptedServer, both: Both) -> None:
    server.on("ListHomeTimeline", page(9, 8, token="a"), page(7), page(), page(11, 10))
    assert both.watch(5, since_tweet_id=5, exclude_replies=True) == ([7, 8, 9, 10, 11], 11, ["alice"])
    asked = server.requests("ListHomeTimeline")
    assert [(each.since_tweet_id, each.page_token) for each in asked] == [(5, ""), (5, "a"), (9, ""), (9, "")]
    assert all(each.exclude_replies and not each.exclude_reposts and each.page_size == 100 for each in asked)


def test_a_watch_outlives_failures_that_pass(server: ScriptedServer, both: Both) -> None:
    overloaded = refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "ERROR_REASON_OVERLOADED", retry_after=Duration(nanos=10**7)
    )
    server.on("ListHomeTimeline", page(1), *[UNAVAILABLE] * 9, overloaded, page(2))
    assert both.watch(2, since_tweet_id=0)[0] == [1, 2]


def test_a_watch_does_not_outlive_its_patience(server: ScriptedServer, both: Both) -> None:
    server.on("ListHomeTimeline", UNAVAILABLE)
    with pytest.raises(Unavailable):
        both.watch(1, patience=0.0)
    asking_too_much = refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED, "ERROR_REASON_OVERLOADED", retry_after=Duration(seconds=90)
    )
    server.on("ListHomeTimeline", asking_too_much)
    with pytest.raises(Overloaded):
        both.watch(1)


def test_a_watch_ends_at_once_with_what_does_not_pass(server: ScriptedServer, both: Both) -> None:
    server.on("ListHomeTimeline", NOBODY)
    with pytest.raises(ActorRequired):
        both.watch(1)
    assert len(server.requests("ListHomeTimeline")) == 1


def test_a_watch_goes_on_where_its_user_stopped_not_where_it_has_read(server: ScriptedServer) -> None:
    server.on("ListHomeTimeline", page(9, 8, 7, as_of=NOW))
    with Client(server.target, actor_id=1) as client:
        watch = client.watch_home(since_tweet_id=5)
        assert (watch.last_id, watch.settled_id) == (5, 5)
        assert next(watch).tweet.tweet_id == 7
        assert (watch.last_id, watch.settled_id) == (7, 7)
        assert next(watch).tweet.tweet_id == 8
        assert (watch.last_id, watch.settled_id) == (8, 8)
        assert next(watch).tweet.tweet_id == 9
        assert (watch.last_id, watch.settled_id) == (9, 9)


def test_a_failed_watch_goes_on_when_it_is_asked_again(server: ScriptedServer) -> None:
    server.on("ListHomeTimeline", page(1), UNAVAILABLE)
    with Client(server.target, actor_id=1) as client:
        watch = client.watch_home(since_tweet_id=0, longest_pause=0.01, patience=0.0)
        assert next(watch).tweet.tweet_id == 1
        with pytest.raises(Unavailable):
            next(watch)
        server.on("ListHomeTimeline", page(2))
        assert next(watch).tweet.tweet_id == 2


def test_a_cancelled_wait_for_the_next_item_loses_nothing(server: ScriptedServer) -> None:
    server.on("ListHomeTimeline", page())

    async def run() -> list[int]:
        async with AsyncClient(server.target, actor_id=1) as client:
            watch = client.watch_home(since_tweet_id=0, longest_pause=0.01)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(watch), 0.2)
            server.on("ListHomeTimeline", page(4, 3))
            return [(await anext(watch)).tweet.tweet_id for _ in range(2)]

    assert asyncio.run(run()) == [3, 4]


def test_an_impossible_pause_is_refused_at_once() -> None:
    with Client() as client, pytest.raises(ValueError, match="longest_pause"):
        client.watch_home(longest_pause=0)


def test_waiting_asks_until_the_post_is_there(server: ScriptedServer, both: Both) -> None:
    server.on(
        "ListHomeTimeline", page(9), UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, page(9, token="a"), page(8, 5)
    )
    assert both.wait(tweet_pb2.Tweet(tweet_id=5)).tweet.tweet_id == 5
    assert {each.since_tweet_id for each in server.requests("ListHomeTimeline")} == {4}


def test_waiting_in_somebody_elses_home(server: ScriptedServer, both: Both) -> None:
    server.on("ListHomeTimeline", page(5))
    assert both.wait(5, reader_id=42).tweet.tweet_id == 5
    assert [each.metadata["murmuration-actor-id"] for each in server.received["ListHomeTimeline"]] == ["42"]


@pytest.mark.parametrize(
    ("answer", "said", "advice"),
    [
        (page(9, as_of=NOW, lag=4_200), "delivery is 4.2 s behind", "murmur admin backlog"),
        (page(9), "all that was posted before has been delivered", "follows its author"),
        (page(9, status=STATUS.STATUS_REBUILDING), "the home is being rebuilt", "Wait longer"),
        (page(9, status=STATUS.STATUS_DEGRADED), "a part of the server does not answer", "server is well"),
    ],
    ids=["behind", "delivered", "rebuilding", "degraded"],
)
def test_a_wait_that_ends_says_what_stands_in_the_way(
    server: ScriptedServer, both: Both, answer: timeline_pb2.ListHomeTimelineResponse, said: str, advice: str
) -> None:
    server.on("ListHomeTimeline", answer)
    begun = time.monotonic()
    with pytest.raises(NotVisible, match=f"Post 5 is not in the home of user 1 after 0.3 s; {said}") as caught:
        both.wait(5, timeout=0.3)
    assert time.monotonic() - begun < 5
    assert advice in caught.value.advice


@pytest.mark.parametrize(
    ("answer", "error", "attempts"),
    [(UNAVAILABLE, Unavailable, None), (NOBODY, ActorRequired, 1)],
    ids=["passing", "not"],
)
def test_a_wait_raises_what_its_last_read_raised(
    server: ScriptedServer, both: Both, answer: Callable[..., Any], error: type[MurmurationError], attempts: int | None
) -> None:
    server.on("ListHomeTimeline", answer)
    with pytest.raises(error):
        both.wait(5, timeout=2)
    assert attempts is None or len(server.requests("ListHomeTimeline")) == attempts


def test_a_wait_without_time_is_refused_at_once(both: Both) -> None:
    with pytest.raises(ValueError, match="timeout"):
        both.wait(5, timeout=0)
