"""The asyncio client on the wire: the same requests and errors as the other one, and what only asyncio has."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

import grpc
import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, tweet_pb2, user_pb2
from murmuration_client import Cancelled, DeadlineExceeded, InternalError, NoServer, NotFound
from murmuration_client.aio import AsyncClient, AsyncRenewedToken
from tests.unit.test_client_calls import CALLS, UNAVAILABLE
from tests.unit.test_client_paging import by_token, home
from tests.unit.test_client_support import ScriptedServer, refusal, serving

T = TypeVar("T")


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with serving() as scripted:
        yield scripted


def with_client(server: ScriptedServer, use: Callable[[AsyncClient], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        async with AsyncClient(server.target, **options) as client:
            return await use(client)

    return asyncio.run(run())


def test_each_method_sends_its_request_and_answers_its_resource(server: ScriptedServer) -> None:
    async def use(client: AsyncClient) -> None:
        for method, call, request, response, answer in CALLS:
            server.on(method, response)
            assert await cast(Any, call)(client) == answer, method
            assert server.requests(method)[-1] == request

    with_client(server, use)


def test_creations_are_tried_again_with_the_same_request_id(server: ScriptedServer) -> None:
    server.on("CreateTweet", UNAVAILABLE, tweet_pb2.CreateTweetResponse())
    with_client(server, lambda client: client.create_tweet("Hello"))
    first, second = server.requests("CreateTweet")
    assert first.request_id == second.request_id != ""


def test_actor_deadline_and_views(server: ScriptedServer) -> None:
    server.on("GetUser", user_pb2.GetUserResponse())

    async def use(client: AsyncClient) -> None:
        async with client.acting_as(42).with_timeout(60) as view:
            await view.get_user(7)
        await client.get_user(7)

    with_client(server, use)
    view, base = server.received["GetUser"]
    assert (view.metadata["murmuration-actor-id"], base.metadata.get("murmuration-actor-id")) == ("42", None)
    assert view.seconds_left is not None
    assert base.seconds_left is not None
    assert base.seconds_left < 6 < view.seconds_left


def test_errors_are_the_same(server: ScriptedServer) -> None:
    server.on("GetUser", refusal(grpc.StatusCode.NOT_FOUND, "ERROR_REASON_USER_NOT_FOUND", "There is no user x."))
    with pytest.raises(NotFound, match="There is no user x") as caught:
        with_client(server, lambda client: client.get_user("x"))
    assert caught.value.reason == "USER_NOT_FOUND"


def test_no_server_and_no_answer() -> None:
    async def nobody() -> None:
        async with AsyncClient("127.0.0.1:1") as client:
            await client.get_user(7)

    with pytest.raises(NoServer, match="murmurd up"):
        asyncio.run(nobody())
    with serving() as server:
        done = threading.Event()
        server.on("GetUser", lambda *_: done.wait(30) and user_pb2.GetUserResponse())  # type: ignore[arg-type,return-value]
        try:
            with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s"):
                with_client(server, lambda client: client.get_user(7), timeout=0.2)
        finally:
            done.set()


def test_ids_posts_and_homes_are_walked_to_the_end(server: ScriptedServer) -> None:
    server.on(
        "ListFollowers",
        by_token(lambda ids, token: graph_pb2.ListFollowersResponse(user_ids=ids, next_page_token=token)),
    )
    server.on(
        "ListFollowing",
        by_token(lambda ids, token: graph_pb2.ListFollowingResponse(user_ids=ids, next_page_token=token)),
    )
    server.on(
        "ListUserTweets",
        by_token(
            lambda ids, token: tweet_pb2.ListUserTweetsResponse(
                tweets=[tweet_pb2.Tweet(tweet_id=each) for each in ids], next_page_token=token
            )
        ),
    )
    server.on("ListHomeTimeline", by_token(home))

    async def use(client: AsyncClient) -> None:
        assert [each async for each in client.iter_followers(7)] == [9, 8, 7, 6, 5]
        assert [each async for each in client.iter_following(7)] == [9, 8, 7, 6, 5]
        assert [each.tweet_id async for each in client.iter_user_tweets(7)] == [9, 8, 7, 6, 5]
        walk = client.home_walk()
        assert [item.tweet.tweet_id async for item in walk] == [9, 8, 7, 6, 5]
        assert sorted(walk.users) == [50, 60, 70, 80, 90]
        assert [item.tweet.tweet_id async for item in client.home()] == [9, 8, 7, 6, 5]

    with_client(server, use)


def test_a_walk_that_stands_still_is_an_error(server: ScriptedServer) -> None:
    server.on("ListFollowers", graph_pb2.ListFollowersResponse(next_page_token="same"))

    async def use(client: AsyncClient) -> list[int]:
        return [each async for each in client.iter_followers(7)]

    with pytest.raises(InternalError, match="never end"):
        with_client(server, use)


def test_an_import_and_what_its_source_raises(server: ScriptedServer, caplog: pytest.LogCaptureFixture) -> None:
    server.on("ImportGraph", admin_pb2.ImportGraphResponse(users_created=2))

    def broken() -> Iterator[tuple[str, str]]:
        yield "a", "b"
        raise OSError("the disk is gone")

    async def use(client: AsyncClient) -> None:
        told: list[tuple[int, int]] = []
        answer = await client.admin.import_graph(
            [("a", ""), ("b", "")], [("a", "b")], progress=lambda *n: told.append(n)
        )
        assert answer.users_created == 2
        assert told == [(2, 0), (2, 1)]
        with pytest.raises(OSError, match="the disk is gone"):
            await client.admin.import_graph([], broken())

    with caplog.at_level(logging.CRITICAL):
        with_client(server, use)


def test_closing_ends_calls_under_way_with_an_error(server: ScriptedServer) -> None:
    arrived, done = threading.Event(), threading.Event()

    def slow(*_: object) -> user_pb2.GetUserResponse:
        arrived.set()
        done.wait(30)
        return user_pb2.GetUserResponse()

    server.on("GetUser", slow)

    async def use(client: AsyncClient) -> None:
        call = asyncio.ensure_future(client.with_timeout(30).get_user(7))
        await asyncio.to_thread(arrived.wait, 30)
        await client.close()
        with pytest.raises(Cancelled):
            await call

    try:
        with_client(server, use)
    finally:
        done.set()


def test_cancelling_a_task_cancels_its_call_and_is_no_error_of_ours(server: ScriptedServer) -> None:
    arrived, gone = threading.Event(), threading.Event()

    def slow(_: object, context: grpc.ServicerContext) -> user_pb2.GetUserResponse:
        context.add_callback(gone.set)
        arrived.set()
        gone.wait(30)
        return user_pb2.GetUserResponse()

    server.on("GetUser", slow)

    async def use(client: AsyncClient) -> None:
        call = asyncio.ensure_future(client.with_timeout(30).get_user(7))
        await asyncio.to_thread(arrived.wait, 30)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(gone.wait, 10)

    with_client(server, use)


def test_many_calls_at_once(server: ScriptedServer) -> None:
    server.on("GetUser", lambda request, _: user_pb2.GetUserResponse(user=user_pb2.User(user_id=request.user_id)))

    async def use(client: AsyncClient) -> list[int]:
        return [user.user_id for user in await asyncio.gather(*(client.get_user(each) for each in range(1, 101)))]

    assert with_client(server, use) == list(range(1, 101))


def test_it_is_made_within_a_loop() -> None:
    with pytest.raises(RuntimeError, match="event loop"):
        AsyncClient()


def test_tokens_are_awaited_and_fetched_once(server: ScriptedServer) -> None:
    server.on("GetUser", user_pb2.GetUserResponse())
    fetched: list[str] = []

    async def fetch() -> tuple[str, float]:
        fetched.append(f"t{len(fetched)}")
        await asyncio.sleep(0)
        return fetched[-1], 60

    async def use(client: AsyncClient) -> None:
        await asyncio.gather(*(client.get_user(7) for _ in range(20)))

    with_client(server, use, token=AsyncRenewedToken(fetch))
    with_client(server, lambda client: client.get_user(7), token=lambda: "plain")
    said = [each.metadata["authorization"] for each in server.received["GetUser"]]
    assert said == ["Bearer t0"] * 20 + ["Bearer plain"]
