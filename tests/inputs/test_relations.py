"""Relations that make no sense, and those that make the same sense twice."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2
from tests.inputs.people import INVALID, NOT_FOUND, People, met, posted
from tests.process.running import Api

DENIED = grpc.StatusCode.PERMISSION_DENIED
CHANGES = {
    "FollowUser": graph_pb2.FollowUserRequest,
    "UnfollowUser": graph_pb2.UnfollowUserRequest,
    "BlockUser": graph_pb2.BlockUserRequest,
    "UnblockUser": graph_pb2.UnblockUserRequest,
    "MuteUser": graph_pb2.MuteUserRequest,
    "UnmuteUser": graph_pb2.UnmuteUserRequest,
}


@pytest.fixture
def people(api: Api) -> People:
    """Of each test's own, since relations change here."""
    return met(api)


def _change(people: People, method: str, actor: int, other: int, **fields: Any) -> graph_pb2.Relationship:
    request = CHANGES[method](user_id=other, **fields)
    return people.api.call(f"graph.{method}", request, actor).relationship


def _counts(api: Api, user_id: int) -> tuple[int, int]:
    found = api.call("graph.GetFollowCounts", graph_pb2.GetFollowCountsRequest(user_id=user_id))
    return found.followers, found.following


@pytest.mark.parametrize("method", CHANGES)
def test_nobody_is_related_to_himself(people: People, method: str) -> None:
    request = CHANGES[method](user_id=people.author)
    people.refused(f"graph.{method}", request, INVALID, "INVALID_FIELD", "user_id", actor=people.author)
    assert _counts(people.api, people.author) == (1, 0)


@pytest.mark.parametrize("method", CHANGES)
def test_what_is_done_twice_is_done_once(people: People, method: str) -> None:
    once = _change(people, method, people.stranger, people.author)
    with people.undisturbed():
        assert _change(people, method, people.stranger, people.author) == once
    followers = 2 if method == "FollowUser" else 1
    assert _counts(people.api, people.author) == (followers, 0)


@pytest.mark.parametrize("method", ["UnfollowUser", "UnblockUser", "UnmuteUser"])
def test_ending_what_never_was_changes_nothing(people: People, method: str) -> None:
    with people.undisturbed():
        answer = _change(people, method, people.stranger, people.author)
    assert answer == graph_pb2.Relationship(user_id=people.author)


def test_a_second_follow_changes_only_whether_reposts_are_shown(people: People) -> None:
    assert not _change(people, "FollowUser", people.reader, people.author, hide_reposts=True).shows_reposts
    assert _counts(people.api, people.author) == (1, 0)
    assert _change(people, "FollowUser", people.reader, people.author).shows_reposts


@pytest.mark.parametrize("blocker", ["he", "I"])
def test_following_across_a_block(people: People, blocker: str) -> None:
    pair = (people.author, people.stranger) if blocker == "he" else (people.stranger, people.author)
    _change(people, "BlockUser", *pair)
    request = graph_pb2.FollowUserRequest(user_id=people.author)
    people.refused("graph.FollowUser", request, DENIED, "BLOCKED", actor=people.stranger)


@pytest.mark.parametrize("blocker", ["he", "I"])
@pytest.mark.parametrize("method", ["CreateTweet", "CreateRepost"])
def test_answering_and_reposting_across_a_block(people: People, blocker: str, method: str) -> None:
    pair = (people.author, people.stranger) if blocker == "he" else (people.stranger, people.author)
    _change(people, "BlockUser", *pair)
    request: Any = tweet_pb2.CreateRepostRequest(tweet_id=people.tweet)
    if method == "CreateTweet":
        request = tweet_pb2.CreateTweetRequest(text="and yet", in_reply_to_tweet_id=people.tweet)
    people.refused(f"tweets.{method}", request, DENIED, "BLOCKED", actor=people.stranger)


@pytest.mark.parametrize("actor", ["author", "stranger"])
def test_answering_and_reposting_what_is_deleted(people: People, actor: str) -> None:
    people.api.call("tweets.DeleteTweet", tweet_pb2.DeleteTweetRequest(tweet_id=people.tweet), people.author)
    user_id = getattr(people, actor)
    answer = tweet_pb2.CreateTweetRequest(text="too late", in_reply_to_tweet_id=people.tweet)
    people.refused("tweets.CreateTweet", answer, NOT_FOUND, "TWEET_NOT_FOUND", actor=user_id)
    repost = tweet_pb2.CreateRepostRequest(tweet_id=people.tweet)
    people.refused("tweets.CreateRepost", repost, NOT_FOUND, "TWEET_NOT_FOUND", actor=user_id)


def test_answering_oneself_is_a_thread(people: People, api: Api) -> None:
    answer = posted(api, people.author, "and another thing", in_reply_to_tweet_id=people.tweet)
    assert (answer.in_reply_to_user_id, answer.conversation_id) == (people.author, people.tweet)
    home = api.call("timeline.ListHomeTimeline", timeline_pb2.ListHomeTimelineRequest(), people.author)
    assert [item.tweet.tweet_id for item in home.items] == [answer.tweet_id, people.tweet]


def test_a_repost_of_a_repost_is_one_of_the_original_and_there_is_one(people: People, api: Api) -> None:
    request = tweet_pb2.CreateRepostRequest(tweet_id=people.tweet)
    first = api.call("tweets.CreateRepost", request, people.reader).repost
    again = tweet_pb2.CreateRepostRequest(tweet_id=first.tweet_id)
    second = api.call("tweets.CreateRepost", again, people.stranger).repost
    assert second.reposted_tweet_id == people.tweet
    with people.undisturbed():
        assert api.call("tweets.CreateRepost", request, people.reader).repost == first


def test_deleting_what_is_somebody_elses(people: People) -> None:
    request = tweet_pb2.DeleteTweetRequest(tweet_id=people.tweet)
    people.refused("tweets.DeleteTweet", request, DENIED, "NOT_ALLOWED", actor=people.stranger)


def test_deleting_twice(people: People, api: Api) -> None:
    request = tweet_pb2.DeleteTweetRequest(tweet_id=people.tweet)
    api.call("tweets.DeleteTweet", request, people.author)
    with people.undisturbed():
        api.call("tweets.DeleteTweet", request, people.author)
    people.refused("tweets.DeleteTweet", request, DENIED, "NOT_ALLOWED", actor=people.stranger)
    get = tweet_pb2.GetTweetRequest(tweet_id=people.tweet)
    people.refused("tweets.GetTweet", get, NOT_FOUND, "TWEET_NOT_FOUND")
