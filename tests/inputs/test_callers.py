"""Who calls, and with which bytes: nobody, somebody who does not exist, garbage; and messages that are none."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_client.errors import MurmurationError
from murmuration_client.status import from_rpc
from murmuration_client.terms import ACTOR_METADATA
from tests.inputs.people import INVALID, NOT_FOUND, People
from tests.process.running import Api

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
Make = Callable[[People], Any]

ACTING: dict[str, Make] = {
    "tweets.CreateTweet": lambda people: tweet_pb2.CreateTweetRequest(text="hello"),
    "tweets.DeleteTweet": lambda people: tweet_pb2.DeleteTweetRequest(tweet_id=people.tweet),
    "tweets.CreateRepost": lambda people: tweet_pb2.CreateRepostRequest(tweet_id=people.tweet),
    "tweets.DeleteRepost": lambda people: tweet_pb2.DeleteRepostRequest(tweet_id=people.tweet),
    "graph.FollowUser": lambda people: graph_pb2.FollowUserRequest(user_id=people.author),
    "graph.UnfollowUser": lambda people: graph_pb2.UnfollowUserRequest(user_id=people.author),
    "graph.BlockUser": lambda people: graph_pb2.BlockUserRequest(user_id=people.author),
    "graph.UnblockUser": lambda people: graph_pb2.UnblockUserRequest(user_id=people.author),
    "graph.MuteUser": lambda people: graph_pb2.MuteUserRequest(user_id=people.author),
    "graph.UnmuteUser": lambda people: graph_pb2.UnmuteUserRequest(user_id=people.author),
    "graph.BatchGetRelationships": lambda people: graph_pb2.BatchGetRelationshipsRequest(user_ids=[people.author]),
    "timeline.ListHomeTimeline": lambda people: timeline_pb2.ListHomeTimelineRequest(),
}
"""The calls that act for somebody."""

every_acting_call = pytest.mark.parametrize(
    ("method", "make"), [pytest.param(*call, id=call[0].partition(".")[2]) for call in ACTING.items()]
)


@every_acting_call
def test_nobody_acts(people: People, method: str, make: Make) -> None:
    people.refused(method, make(people), UNAUTHENTICATED, "ACTOR_REQUIRED")


@every_acting_call
def test_somebody_acts_who_does_not_exist(people: People, method: str, make: Make) -> None:
    for actor in (1, 2**63 - 1):
        people.refused(method, make(people), NOT_FOUND, "USER_NOT_FOUND", actor=actor)


@pytest.mark.parametrize(
    "actor",
    [
        pytest.param("", id="nothing"),
        pytest.param("0", id="zero"),
        pytest.param("-1", id="minus one"),
        pytest.param("+5", id="a sign"),
        pytest.param("5.0", id="a fraction"),
        pytest.param("5_0", id="an underscore, as Python takes it"),
        pytest.param("0x10", id="another base"),
        pytest.param("alice", id="a handle"),
        pytest.param("1,2", id="two"),
        pytest.param("9223372036854775808", id="2^63"),
        pytest.param("9" * 1000, id="a thousand digits"),
        pytest.param("' OR 1=1 --", id="SQL"),
    ],
)
def test_the_actor_is_no_user_id(people: People, actor: str) -> None:
    request = timeline_pb2.ListHomeTimelineRequest()
    people.refused(
        "timeline.ListHomeTimeline",
        request,
        INVALID,
        "INVALID_FIELD",
        ACTOR_METADATA,
        metadata=[(ACTOR_METADATA, actor)],
    )


def test_two_actors_are_refused(people: People) -> None:
    """Which of the two would act is not for the server to guess."""
    pairs = [(ACTOR_METADATA, str(people.author)), (ACTOR_METADATA, str(people.stranger))]
    request = tweet_pb2.CreateTweetRequest(text="by whom?")
    people.refused("tweets.CreateTweet", request, INVALID, "INVALID_FIELD", ACTOR_METADATA, metadata=pairs)


@pytest.mark.parametrize(
    "pair",
    [
        pytest.param(("murmuration-priority", "highest"), id="a priority"),
        pytest.param(("murmuration-request-id", "a b;c=d"), id="a request's name"),
        pytest.param(("traceparent", "00-zz-zz-01"), id="a trace"),
        pytest.param(("traceparent-bin", b"\xff\xfe"), id="binary metadata"),
        pytest.param(("grpc-accept-encoding", "nonsense"), id="an encoding"),
    ],
)
def test_metadata_that_makes_no_sense_is_passed_over(people: People, pair: tuple[str, str | bytes]) -> None:
    request = user_pb2.GetUserRequest(user_id=people.author)
    try:
        answer = people.api.call("users.GetUser", request, metadata=[pair])
    except MurmurationError as error:
        pytest.fail(f"{error}")
    assert answer.user.user_id == people.author


BROKEN = {
    "noise": b"\xff" * 20,
    "a length beyond the end": b"\x0a\x7f" + b"a",
    "an endless varint": b"\x08" + b"\xff" * 11,
    "a group that does not end": b"\x0b\x0b\x0b",
    "field number 0": b"\x00\x01",
    "text that is not UTF-8": b"\x0a\x02\xff\xfe",
    "nesting of 200": b"\x0b" * 200,
}
WITH_TEXT_FIRST = [
    "murmuration.v1.TweetService/CreateTweet",
    "murmuration.v1.UserService/CreateUser",
]


@pytest.mark.parametrize("path", WITH_TEXT_FIRST)
@pytest.mark.parametrize("payload", [pytest.param(payload, id=name) for name, payload in BROKEN.items()])
def test_bytes_that_are_no_message(people: People, path: str, payload: bytes) -> None:
    call = people.api.channel.unary_unary(f"/{path}")
    with people.undisturbed(), pytest.raises(grpc.RpcError) as failure:
        call(payload, timeout=20, metadata=[(ACTOR_METADATA, str(people.author))])
    error = from_rpc(failure.value, people.api.target, 20)
    assert (error.code, error.reason) == (INVALID, "MALFORMED_REQUEST")


def test_a_message_cut_off_at_any_byte(people: People, api: Api) -> None:
    """Cut between two fields it is another message, and its text may then be one that may be posted."""
    media = tweet_pb2.Media(url="javascript:", content_type="image/png", size_bytes=5)
    whole = tweet_pb2.CreateTweetRequest(text="x", media=[media], request_id=str(uuid.uuid4())).SerializeToString()
    call = api.channel.unary_unary("/murmuration.v1.TweetService/CreateTweet")
    with people.undisturbed():
        for end in range(4, len(whole)):
            with pytest.raises(grpc.RpcError) as failure:
                call(whole[:end], timeout=20, metadata=[(ACTOR_METADATA, str(people.author))])
            error = from_rpc(failure.value, api.target, 20)
            assert error.code is INVALID
            assert error.reason in ("MALFORMED_REQUEST", "INVALID_FIELD")


def test_unknown_fields_are_passed_over(people: People, api: Api) -> None:
    payload = tweet_pb2.CreateTweetRequest(text="from the future").SerializeToString() + b"\xa2\x06\x05hello"
    call = api.channel.unary_unary(
        "/murmuration.v1.TweetService/CreateTweet", response_deserializer=tweet_pb2.CreateTweetResponse.FromString
    )
    answer = call(payload, timeout=20, metadata=[(ACTOR_METADATA, str(people.author))])
    assert answer.tweet.text == "from the future"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/murmuration.v1.TweetService/Explode", id="an unknown method"),
        pytest.param("/murmuration.v9.TweetService/CreateTweet", id="an unknown version"),
        pytest.param("/murmuration.internal.v1.UserImportService/ImportUsers", id="an internal service"),
        pytest.param("/murmuration.internal.v1.GraphAdminService/ImportFollows", id="an operator's internal service"),
    ],
)
def test_what_is_not_served(people: People, path: str) -> None:
    with people.undisturbed(), pytest.raises(grpc.RpcError) as failure:
        people.api.channel.unary_unary(path)(b"", timeout=20)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_message_over_the_limit(people: People) -> None:
    request = tweet_pb2.CreateTweetRequest(text="a" * (5 << 20))
    with people.undisturbed(), pytest.raises(MurmurationError) as failure:
        people.api.call("tweets.CreateTweet", request, people.author)
    assert failure.value.code in (grpc.StatusCode.RESOURCE_EXHAUSTED, INVALID)


def test_a_deadline_that_has_passed_and_one_in_ten_years(people: People) -> None:
    request = timeline_pb2.ListHomeTimelineRequest()
    with pytest.raises(MurmurationError) as failure:
        people.api.call("timeline.ListHomeTimeline", request, people.reader, timeout=-1.0)
    assert failure.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    ten_years = 10 * 365 * 86_400.0
    page = people.api.call("timeline.ListHomeTimeline", request, people.reader, timeout=ten_years)
    assert page.items
