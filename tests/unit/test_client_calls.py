"""What goes over the wire: actor, deadline, request ids, attempts; and the request of each method."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_client import Client, MurmurationError, NoServer, Overloaded, Unavailable
from murmuration_client.connection import ConnectionSettings
from tests.unit.test_client_support import ScriptedServer, connected, refusal, serving

UNAVAILABLE = refusal(grpc.StatusCode.UNAVAILABLE, "ERROR_REASON_UNAVAILABLE")
USER = user_pb2.User(user_id=7, handle="alice")


@pytest.fixture
def pair() -> Iterator[tuple[ScriptedServer, Client]]:
    with connected(timeout=3.0) as (server, client):
        yield server, client


def test_a_call_names_its_actor_only_if_it_has_one(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", user_pb2.GetUserResponse(user=USER))
    client.get_user(7)
    client.acting_as(42).get_user(7)
    nobody, somebody = (each.metadata.get("murmuration-actor-id") for each in server.received["GetUser"])
    assert (nobody, somebody) == (None, "42")


def test_every_call_has_a_deadline(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", user_pb2.GetUserResponse())
    server.on("ImportGraph", admin_pb2.ImportGraphResponse())
    client.get_user(7)
    client.with_timeout(60).get_user(7)
    client.admin.import_graph([], [], timeout=300)
    short, long = (each.seconds_left for each in server.received["GetUser"])
    [streamed] = (each.seconds_left for each in server.received["ImportGraph"])
    assert short is not None
    assert long is not None
    assert streamed is not None
    assert 0 < short < 4 < long < 61 < streamed < 301  # gRPC rounds up on the wire


def test_views_share_the_channel_and_do_not_close_it(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", user_pb2.GetUserResponse(user=USER))
    with client.acting_as(42).with_timeout(1) as view:
        assert (view.actor_id, client.actor_id, view.target) == (42, None, client.target)
        assert view.get_user(7) == USER
    assert client.get_user(7) == USER


@pytest.mark.parametrize(
    "create",
    [
        lambda client: client.create_user("alice"),
        lambda client: client.create_tweet("Hello"),
        lambda client: client.create_repost(9),
    ],
    ids=["CreateUser", "CreateTweet", "CreateRepost"],
)
def test_creations_are_tried_again_with_the_same_request_id(
    pair: tuple[ScriptedServer, Client], create: Callable[[Client], object], request: pytest.FixtureRequest
) -> None:
    server, client = pair
    method = request.node.callspec.id
    done = {
        "CreateUser": user_pb2.CreateUserResponse(),
        "CreateTweet": tweet_pb2.CreateTweetResponse(),
        "CreateRepost": tweet_pb2.CreateRepostResponse(),
    }[method]
    server.on(method, UNAVAILABLE, UNAVAILABLE, done)
    create(client)
    create(client)
    *first, second = [each.request_id for each in server.requests(method)]
    assert len(first) == 3
    assert len(set(first)) == 1
    assert second not in first
    assert uuid.UUID(first[0]).version == 4


def test_a_given_request_id_is_used(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("CreateTweet", tweet_pb2.CreateTweetResponse())
    client.create_tweet("Hello", request_id="mine")
    assert [each.request_id for each in server.requests("CreateTweet")] == ["mine"]


def test_request_ids_come_from_where_the_caller_says() -> None:
    with connected(new_request_id=lambda: "made") as (server, client):
        server.on("CreateTweet", tweet_pb2.CreateTweetResponse())
        client.create_tweet("Hello")
        assert server.requests("CreateTweet")[0].request_id == "made"


def test_attempts_end(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", UNAVAILABLE)
    with pytest.raises(Unavailable) as caught:
        client.get_user(7)
    assert len(server.requests("GetUser")) == ConnectionSettings().max_attempts
    assert not isinstance(caught.value, NoServer)


def test_an_overloaded_server_is_not_asked_again(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "ERROR_REASON_OVERLOADED"))
    with pytest.raises(Overloaded):
        client.get_user(7)
    assert len(server.requests("GetUser")) == 1


RELATED = graph_pb2.Relationship(user_id=7)
TWEET = tweet_pb2.Tweet(tweet_id=9)
MEDIA = tweet_pb2.Media(url="https://example.org/a.png", content_type="image/png")
CALLS: list[tuple[str, Callable[[Client], object], Message, Message, object]] = [
    (
        "CreateUser",
        lambda client: client.create_user("alice", "Alice", request_id="r"),
        user_pb2.CreateUserRequest(handle="alice", display_name="Alice", request_id="r"),
        user_pb2.CreateUserResponse(user=USER),
        USER,
    ),
    (
        "GetUser",
        lambda client: client.get_user(7),
        user_pb2.GetUserRequest(user_id=7),
        user_pb2.GetUserResponse(user=USER),
        USER,
    ),
    (
        "GetUser",
        lambda client: client.get_user("alice"),
        user_pb2.GetUserRequest(handle="alice"),
        user_pb2.GetUserResponse(user=USER),
        USER,
    ),
    (
        "BatchGetUsers",
        lambda client: client.batch_get_users([7, 8]),
        user_pb2.BatchGetUsersRequest(user_ids=[7, 8]),
        user_pb2.BatchGetUsersResponse(users=[USER]),
        {7: USER},
    ),
    (
        "CreateTweet",
        lambda client: client.create_tweet("Hi", in_reply_to=3, media=[MEDIA], request_id="r"),
        tweet_pb2.CreateTweetRequest(text="Hi", in_reply_to_tweet_id=3, media=[MEDIA], request_id="r"),
        tweet_pb2.CreateTweetResponse(tweet=TWEET),
        TWEET,
    ),
    (
        "DeleteTweet",
        lambda client: client.delete_tweet(9),
        tweet_pb2.DeleteTweetRequest(tweet_id=9),
        tweet_pb2.DeleteTweetResponse(),
        None,
    ),
    (
        "GetTweet",
        lambda client: client.get_tweet(9),
        tweet_pb2.GetTweetRequest(tweet_id=9),
        tweet_pb2.GetTweetResponse(tweet=TWEET),
        tweet_pb2.GetTweetResponse(tweet=TWEET),
    ),
    (
        "BatchGetTweets",
        lambda client: client.batch_get_tweets([8, 9]),
        tweet_pb2.BatchGetTweetsRequest(tweet_ids=[8, 9]),
        tweet_pb2.BatchGetTweetsResponse(tweets=[TWEET]),
        {9: TWEET},
    ),
    (
        "CreateRepost",
        lambda client: client.create_repost(9, request_id="r"),
        tweet_pb2.CreateRepostRequest(tweet_id=9, request_id="r"),
        tweet_pb2.CreateRepostResponse(repost=TWEET),
        TWEET,
    ),
    (
        "DeleteRepost",
        lambda client: client.delete_repost(9),
        tweet_pb2.DeleteRepostRequest(tweet_id=9),
        tweet_pb2.DeleteRepostResponse(),
        None,
    ),
    (
        "FollowUser",
        lambda client: client.follow(7, hide_reposts=True),
        graph_pb2.FollowUserRequest(user_id=7, hide_reposts=True),
        graph_pb2.FollowUserResponse(relationship=RELATED),
        RELATED,
    ),
    (
        "UnfollowUser",
        lambda client: client.unfollow(7),
        graph_pb2.UnfollowUserRequest(user_id=7),
        graph_pb2.UnfollowUserResponse(relationship=RELATED),
        RELATED,
    ),
    (
        "BlockUser",
        lambda client: client.block(7),
        graph_pb2.BlockUserRequest(user_id=7),
        graph_pb2.BlockUserResponse(relationship=RELATED),
        RELATED,
    ),
    (
        "UnblockUser",
        lambda client: client.unblock(7),
        graph_pb2.UnblockUserRequest(user_id=7),
        graph_pb2.UnblockUserResponse(relationship=RELATED),
        RELATED,
    ),
    (
        "MuteUser",
        lambda client: client.mute(7),
        graph_pb2.MuteUserRequest(user_id=7),
        graph_pb2.MuteUserResponse(relationship=RELATED),
        RELATED,
    ),
    (
        "UnmuteUser",
        lambda client: client.unmute(7),
        graph_pb2.UnmuteUserRequest(user_id=7),
        graph_pb2.UnmuteUserResponse(relationship=RELATED),
        RELATED,
    ),
    (
        "GetFollowCounts",
        lambda client: client.follow_counts(7),
        graph_pb2.GetFollowCountsRequest(user_id=7),
        graph_pb2.GetFollowCountsResponse(followers=2),
        graph_pb2.GetFollowCountsResponse(followers=2),
    ),
    (
        "ListHomeTimeline",
        lambda client: client.home_page(30, "t", 5, True, True),
        timeline_pb2.ListHomeTimelineRequest(
            page_size=30, page_token="t", since_tweet_id=5, exclude_replies=True, exclude_reposts=True
        ),
        timeline_pb2.ListHomeTimelineResponse(next_page_token="u"),
        timeline_pb2.ListHomeTimelineResponse(next_page_token="u"),
    ),
    (
        "RebuildTimeline",
        lambda client: client.admin.rebuild_timeline(7),
        admin_pb2.RebuildTimelineRequest(user_id=7),
        admin_pb2.RebuildTimelineResponse(),
        None,
    ),
    (
        "GetBacklog",
        lambda client: client.admin.get_backlog(),
        admin_pb2.GetBacklogRequest(),
        admin_pb2.GetBacklogResponse(outbox_rows=1),
        admin_pb2.GetBacklogResponse(outbox_rows=1),
    ),
    (
        "SetAuthorMode",
        lambda client: client.admin.set_author_mode(7, tweet_pb2.DELIVERY_MODE_PULL),
        admin_pb2.SetAuthorModeRequest(user_id=7, mode=tweet_pb2.DELIVERY_MODE_PULL),
        admin_pb2.SetAuthorModeResponse(mode=tweet_pb2.DELIVERY_MODE_PULL),
        tweet_pb2.DELIVERY_MODE_PULL,
    ),
    (
        "LocateUser",
        lambda client: client.admin.locate_user("alice"),
        admin_pb2.LocateUserRequest(handle="alice"),
        admin_pb2.LocateUserResponse(location=admin_pb2.UserLocation(user_id=7)),
        admin_pb2.UserLocation(user_id=7),
    ),
    (
        "LocateUser",
        lambda client: client.admin.locate_user(7),
        admin_pb2.LocateUserRequest(user_id=7),
        admin_pb2.LocateUserResponse(location=admin_pb2.UserLocation(user_id=7)),
        admin_pb2.UserLocation(user_id=7),
    ),
    (
        "PreviewRing",
        lambda client: client.admin.preview_ring(["a:1"], ["b:2"], user_ids=[7]),
        admin_pb2.PreviewRingRequest(add_nodes=["a:1"], remove_nodes=["b:2"], user_ids=[7]),
        admin_pb2.PreviewRingResponse(moved_share=0.5),
        admin_pb2.PreviewRingResponse(moved_share=0.5),
    ),
]


def test_each_method_sends_its_request_and_answers_its_resource(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    for method, call, request, response, answer in CALLS:
        server.on(method, response)
        assert call(client) == answer, method
        assert server.requests(method)[-1] == request


def test_any_number_of_ids_goes_out_in_batches_of_200(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("BatchGetUsers", lambda request, _: _answer(user_pb2.BatchGetUsersResponse, request.user_ids))
    server.on("BatchGetTweets", tweet_pb2.BatchGetTweetsResponse())
    server.on("BatchGetRelationships", _relationships)
    ids = range(1, 451)
    assert sorted(client.batch_get_users(iter(ids))) == list(ids)
    client.batch_get_tweets(ids)
    assert [each.user_id for each in client.relationships(reversed(ids))] == list(reversed(ids))
    assert [len(each.user_ids) for each in server.requests("BatchGetUsers")] == [200, 200, 50]
    assert [len(each.tweet_ids) for each in server.requests("BatchGetTweets")] == [200, 200, 50]
    assert [len(each.user_ids) for each in server.requests("BatchGetRelationships")] == [200, 200, 50]
    assert client.batch_get_users([]) == {}


def _answer(response: type[user_pb2.BatchGetUsersResponse], ids: Any) -> Message:
    return response(users=[user_pb2.User(user_id=each) for each in ids])


def _relationships(request: graph_pb2.BatchGetRelationshipsRequest, _context: object) -> Message:
    found = [graph_pb2.Relationship(user_id=each) for each in request.user_ids]
    return graph_pb2.BatchGetRelationshipsResponse(relationships=found)


@pytest.mark.parametrize("actor_id", [0, -1, 2**63])
def test_an_impossible_actor_is_refused_at_once(actor_id: int) -> None:
    with pytest.raises(ValueError, match="actor_id"):
        Client(actor_id=actor_id)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf"), 86_401])
def test_an_impossible_timeout_is_refused_at_once(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout"):
        Client(timeout=timeout)


def test_an_empty_target_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="target"):
        Client("")


def test_options_of_the_caller_win() -> None:
    with serving() as server, Client(server.target, options=[("grpc.max_receive_message_length", 10)]) as client:
        server.on("GetUser", user_pb2.GetUserResponse(user=user_pb2.User(display_name="x" * 100)))
        with pytest.raises(MurmurationError, match="too large"):
            client.get_user(7)


IMPORT_SECONDS = 0.3
IMPORT = """
import sys, time
begun = time.process_time()
import murmuration_client
print(time.process_time() - begun, *sys.modules)
"""


def test_the_library_imports_nothing_of_the_command_line_the_server_or_the_asyncio_form() -> None:
    loaded = _import()[1]
    assert not {"typer", "rich", "pydantic", "murmuration_server", "murmuration_client.aio", "ipaddress"} & loaded


def test_importing_the_library_is_quick() -> None:
    """Of several imports the quickest, in seconds of the processor: what else the machine does counts little."""
    assert min(_import()[0] for _ in range(5)) <= IMPORT_SECONDS


def _import() -> tuple[float, set[str]]:
    """The seconds that an import takes in a new interpreter, and all modules that are loaded then."""
    done = subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True)
    seconds, *modules = done.stdout.split()
    return float(seconds), set(modules)


def test_iterators_fetch_nothing_before_they_are_asked(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("ListFollowers", graph_pb2.ListFollowersResponse(user_ids=[1, 2], next_page_token="t"))
    followers = client.iter_followers(7)
    assert server.requests("ListFollowers") == []
    assert list(islice(followers, 2)) == [1, 2]
    assert len(server.requests("ListFollowers")) == 1
