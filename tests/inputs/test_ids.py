"""Numbers that cannot be ids, and ids of nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_server.platform.ids import floor_id
from tests.inputs.people import INVALID, MAX_ID, NOT_FOUND, People
from tests.process.running import Api

NO_IDS = [
    pytest.param(0, id="zero"),
    pytest.param(-1, id="minus one"),
    pytest.param(-(2**63), id="the least number"),
]
IDS_OF_NOTHING = [
    pytest.param(1, id="one"),
    pytest.param(MAX_ID, id="the greatest number"),
    pytest.param(floor_id((int(time.time()) + 86_400) * 1000), id="an id from tomorrow"),
]
USER_METHODS = [
    ("users.GetUser", user_pb2.GetUserRequest),
    ("tweets.ListUserTweets", tweet_pb2.ListUserTweetsRequest),
    ("graph.FollowUser", graph_pb2.FollowUserRequest),
    ("graph.UnfollowUser", graph_pb2.UnfollowUserRequest),
    ("graph.BlockUser", graph_pb2.BlockUserRequest),
    ("graph.UnblockUser", graph_pb2.UnblockUserRequest),
    ("graph.MuteUser", graph_pb2.MuteUserRequest),
    ("graph.UnmuteUser", graph_pb2.UnmuteUserRequest),
    ("graph.ListFollowers", graph_pb2.ListFollowersRequest),
    ("graph.ListFollowing", graph_pb2.ListFollowingRequest),
    ("graph.GetFollowCounts", graph_pb2.GetFollowCountsRequest),
    ("admin.RebuildTimeline", admin_pb2.RebuildTimelineRequest),
    ("admin.SetAuthorMode", admin_pb2.SetAuthorModeRequest),
]
TWEET_METHODS = [
    ("tweets.GetTweet", tweet_pb2.GetTweetRequest),
    ("tweets.DeleteTweet", tweet_pb2.DeleteTweetRequest),
    ("tweets.CreateRepost", tweet_pb2.CreateRepostRequest),
]
BATCHES = [
    ("users.BatchGetUsers", user_pb2.BatchGetUsersRequest, "user_ids"),
    ("tweets.BatchGetTweets", tweet_pb2.BatchGetTweetsRequest, "tweet_ids"),
    ("graph.BatchGetRelationships", graph_pb2.BatchGetRelationshipsRequest, "user_ids"),
]


def _named(methods: list[tuple[Any, ...]]) -> list[Any]:
    return [pytest.param(*method, id=method[0].partition(".")[2]) for method in methods]


@pytest.mark.parametrize("value", NO_IDS)
@pytest.mark.parametrize(("method", "request_type"), _named(USER_METHODS))
def test_a_user_id_that_cannot_be_one(people: People, method: str, request_type: Any, value: int) -> None:
    people.refused(method, request_type(user_id=value), INVALID, "INVALID_FIELD", "user_id", actor=people.author)


@pytest.mark.parametrize("value", IDS_OF_NOTHING)
@pytest.mark.parametrize(("method", "request_type"), _named(USER_METHODS))
def test_a_user_id_of_nobody(people: People, method: str, request_type: Any, value: int) -> None:
    people.refused(method, request_type(user_id=value), NOT_FOUND, "USER_NOT_FOUND", actor=people.author)


@pytest.mark.parametrize("value", NO_IDS)
@pytest.mark.parametrize(
    ("method", "request_type"), _named([*TWEET_METHODS, ("tweets.DeleteRepost", tweet_pb2.DeleteRepostRequest)])
)
def test_a_tweet_id_that_cannot_be_one(people: People, method: str, request_type: Any, value: int) -> None:
    people.refused(method, request_type(tweet_id=value), INVALID, "INVALID_FIELD", "tweet_id", actor=people.author)


@pytest.mark.parametrize("value", IDS_OF_NOTHING)
@pytest.mark.parametrize(("method", "request_type"), _named(TWEET_METHODS))
def test_a_tweet_id_of_nothing(people: People, method: str, request_type: Any, value: int) -> None:
    people.refused(method, request_type(tweet_id=value), NOT_FOUND, "TWEET_NOT_FOUND", actor=people.author)


@pytest.mark.parametrize("value", IDS_OF_NOTHING)
def test_taking_back_a_repost_of_nothing_succeeds(people: People, value: int) -> None:
    with people.undisturbed():
        people.api.call("tweets.DeleteRepost", tweet_pb2.DeleteRepostRequest(tweet_id=value), people.author)


@pytest.mark.parametrize("value", NO_IDS)
@pytest.mark.parametrize(("method", "request_type", "field"), _named(BATCHES))
def test_a_batch_with_a_number_that_is_no_id(
    people: People, method: str, request_type: Any, field: str, value: int
) -> None:
    ids = [people.author, value]
    people.refused(method, request_type(**{field: ids}), INVALID, "INVALID_FIELD", field, actor=people.reader)


@pytest.mark.parametrize(("method", "request_type", "field"), _named(BATCHES))
def test_a_batch_of_too_many(people: People, method: str, request_type: Any, field: str) -> None:
    ids = range(1, 202)
    people.refused(method, request_type(**{field: ids}), INVALID, "INVALID_FIELD", field, actor=people.reader)


def test_a_batch_leaves_out_what_does_not_exist_and_repetitions(people: People, api: Api) -> None:
    users = user_pb2.BatchGetUsersRequest(user_ids=[people.author, 1, MAX_ID, people.author])
    assert [user.user_id for user in api.call("users.BatchGetUsers", users).users] == [people.author]
    tweets = tweet_pb2.BatchGetTweetsRequest(tweet_ids=[people.tweet, 1, MAX_ID, people.tweet])
    assert [tweet.tweet_id for tweet in api.call("tweets.BatchGetTweets", tweets).tweets] == [people.tweet]


def test_an_empty_batch_is_an_empty_answer(people: People, api: Api) -> None:
    for method, request_type, _ in BATCHES:
        answer = api.call(method, request_type(), people.author)
        assert answer == type(answer)()


def test_a_user_named_by_nothing(people: People) -> None:
    people.refused("users.GetUser", user_pb2.GetUserRequest(), INVALID, "INVALID_FIELD", "key")


@pytest.mark.parametrize("value", [pytest.param(-1, id="minus one"), pytest.param(-(2**63), id="the least number")])
def test_a_refresh_since_a_negative_id(people: People, value: int) -> None:
    request = timeline_pb2.ListHomeTimelineRequest(since_tweet_id=value)
    people.refused(
        "timeline.ListHomeTimeline", request, INVALID, "INVALID_FIELD", "since_tweet_id", actor=people.reader
    )


@pytest.mark.parametrize("value", IDS_OF_NOTHING[1:])
def test_a_refresh_since_an_id_of_the_future_finds_nothing_and_ends(people: People, api: Api, value: int) -> None:
    request = timeline_pb2.ListHomeTimelineRequest(since_tweet_id=value)
    page = api.call("timeline.ListHomeTimeline", request, people.reader)
    assert (list(page.items), page.next_page_token) == ([], "")


@pytest.mark.parametrize("value", [pytest.param(-1, id="minus one"), pytest.param(-(2**63), id="the least number")])
def test_a_reply_to_a_number_that_is_no_id(people: People, value: int) -> None:
    request = tweet_pb2.CreateTweetRequest(text="hello", in_reply_to_tweet_id=value)
    people.refused("tweets.CreateTweet", request, INVALID, "INVALID_FIELD", "in_reply_to_tweet_id", actor=people.author)


@pytest.mark.parametrize("value", IDS_OF_NOTHING)
def test_a_reply_to_nothing(people: People, value: int) -> None:
    request = tweet_pb2.CreateTweetRequest(text="hello", in_reply_to_tweet_id=value)
    people.refused("tweets.CreateTweet", request, NOT_FOUND, "TWEET_NOT_FOUND", actor=people.author)


@pytest.mark.parametrize("mode", [3, -1, 2**31 - 1])
def test_a_delivery_mode_that_does_not_exist(people: People, mode: Any) -> None:
    request = admin_pb2.SetAuthorModeRequest(user_id=people.author, mode=mode)
    people.refused("admin.SetAuthorMode", request, INVALID, "INVALID_FIELD", "mode")
