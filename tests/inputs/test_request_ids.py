"""One request_id, one effect: repeated, repeated otherwise, at once, by another, too late, and where it is none."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from murmuration.v1 import tweet_pb2, user_pb2
from murmuration_client.errors import MurmurationError
from tests.inputs.people import INVALID, NOT_FOUND, People, created, new_handle, posted
from tests.process.running import Api, Server, until

REUSED = grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", "request_id"
AT_ONCE = 8


def _id() -> str:
    return str(uuid.uuid4())


def _tweet(request_id: str, text: str = "hello", **fields: Any) -> tweet_pb2.CreateTweetRequest:
    return tweet_pb2.CreateTweetRequest(text=text, request_id=request_id, **fields)


def _user(request_id: str, handle: str, name: str = "") -> user_pb2.CreateUserRequest:
    return user_pb2.CreateUserRequest(handle=handle, display_name=name, request_id=request_id)


def _repost(request_id: str, tweet_id: int) -> tweet_pb2.CreateRepostRequest:
    return tweet_pb2.CreateRepostRequest(tweet_id=tweet_id, request_id=request_id)


def test_a_post_repeated_answers_the_first(people: People, api: Api) -> None:
    request = _tweet(_id())
    first = api.call("tweets.CreateTweet", request, people.author)
    with people.undisturbed():
        assert api.call("tweets.CreateTweet", request, people.author) == first


def test_an_account_repeated_answers_the_first(api: Api) -> None:
    request = _user(_id(), new_handle(), "A name")
    first = api.call("users.CreateUser", request)
    assert api.call("users.CreateUser", request) == first


def test_a_repost_repeated_answers_the_first(people: People, api: Api) -> None:
    request = _repost(_id(), people.tweet)
    first = api.call("tweets.CreateRepost", request, people.stranger)
    with people.undisturbed():
        assert api.call("tweets.CreateRepost", request, people.stranger) == first


def test_a_uuid_in_capitals_is_the_same_request_id(people: People, api: Api) -> None:
    request_id = _id()
    first = api.call("tweets.CreateTweet", _tweet(request_id), people.author)
    with people.undisturbed():
        assert api.call("tweets.CreateTweet", _tweet(request_id.upper()), people.author) == first


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"text": "hello!"}, id="another text"),
        pytest.param(
            {"media": [tweet_pb2.Media(url="https://example.org/a.png", content_type="image/png", size_bytes=1)]},
            id="with media",
        ),
        pytest.param({"reply": True}, id="as a reply"),
    ],
)
def test_the_same_request_id_for_another_post(people: People, api: Api, changes: dict[str, Any]) -> None:
    request_id = _id()
    api.call("tweets.CreateTweet", _tweet(request_id), people.author)
    fields = {"in_reply_to_tweet_id": people.strange} if changes.pop("reply", False) else changes
    people.refused("tweets.CreateTweet", _tweet(request_id, **fields), *REUSED, actor=people.author)


def test_the_same_request_id_for_another_account(people: People, api: Api) -> None:
    request_id, handle = _id(), new_handle()
    api.call("users.CreateUser", _user(request_id, handle, "One"))
    people.refused("users.CreateUser", _user(request_id, handle, "Other"), *REUSED)
    # Its scope is the handle: for another one it is as good as new.
    api.call("users.CreateUser", _user(request_id, new_handle(), "Other"))


def test_the_same_request_id_for_a_repost_of_something_else(people: People, api: Api) -> None:
    request_id = _id()
    api.call("tweets.CreateRepost", _repost(request_id, people.tweet), people.reader)
    people.refused("tweets.CreateRepost", _repost(request_id, people.strange), *REUSED, actor=people.reader)


def test_a_post_and_a_repost_may_have_the_same_request_id(people: People, api: Api) -> None:
    request_id = _id()
    tweet = api.call("tweets.CreateTweet", _tweet(request_id), people.stranger).tweet
    repost = api.call("tweets.CreateRepost", _repost(request_id, people.tweet), people.stranger).repost
    assert tweet.tweet_id != repost.tweet_id


def test_another_callers_request_id_is_another_one(people: People, api: Api) -> None:
    """Nor does the answer tell whether somebody else has used it."""
    request = _tweet(_id())
    first = api.call("tweets.CreateTweet", request, people.author).tweet
    second = api.call("tweets.CreateTweet", request, people.stranger).tweet
    assert (second.author_id, second.tweet_id != first.tweet_id) == (people.stranger, True)


def _at_once(call: Any) -> list[Any]:
    """The answers of several threads that begin together."""
    barrier = threading.Barrier(AT_ONCE)

    def run(_: int) -> Any:
        barrier.wait(30)
        return call()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, range(AT_ONCE)))


def test_the_same_post_several_times_at_once(people: People, api: Api) -> None:
    request = _tweet(_id(), "once")
    answers = _at_once(lambda: api.call("tweets.CreateTweet", request, people.stranger))
    assert all(answer == answers[0] for answer in answers)
    listed = api.call("tweets.ListUserTweets", tweet_pb2.ListUserTweetsRequest(user_id=people.stranger)).tweets
    assert [tweet.text for tweet in listed].count("once") == 1


def test_the_same_account_several_times_at_once(api: Api) -> None:
    request = _user(_id(), new_handle())
    answers = _at_once(lambda: api.call("users.CreateUser", request))
    assert all(answer == answers[0] for answer in answers)


def test_the_same_repost_several_times_at_once_under_several_request_ids(people: People, api: Api) -> None:
    tweet_id = posted(api, people.author).tweet_id
    answers = _at_once(lambda: api.call("tweets.CreateRepost", _repost(_id(), tweet_id), people.stranger))
    assert all(answer == answers[0] for answer in answers)
    get = tweet_pb2.GetTweetRequest(tweet_id=tweet_id)
    assert api.call("tweets.GetTweet", get).counts.reposts == 1


def test_two_posts_at_once_under_one_request_id(people: People, api: Api) -> None:
    """One of the two wins; the other is refused, and only the winner's is stored."""
    request_id = _id()

    def call(text: str) -> Any:
        try:
            return api.call("tweets.CreateTweet", _tweet(request_id, text), people.stranger).tweet.text
        except MurmurationError as error:
            return error.reason

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(call, ["one", "two"]))
    assert "REQUEST_ID_REUSED" in answers
    winner = next(answer for answer in answers if answer != "REQUEST_ID_REUSED")
    listed = api.call("tweets.ListUserTweets", tweet_pb2.ListUserTweetsRequest(user_id=people.stranger)).tweets
    assert {tweet.text for tweet in listed} & {"one", "two"} == {winner}


NO_UUIDS = {
    "a word": "again",
    "a number": "1",
    "a UUID cut short": "6ba7b810-9dad-11d1-80b4-00c04fd430c",
    "a UUID with a letter that is no digit": "6ba7b810-9dad-11d1-80b4-00c04fd430cg",
    "a UUID with a line feed": "6ba7b810-9dad-11d1-80b4-00c04fd430c8\n",
    "a space": " ",
    "a hundred thousand characters": "a" * 100_000,
}


@pytest.mark.parametrize("request_id", [pytest.param(value, id=name) for name, value in NO_UUIDS.items()])
def test_a_request_id_that_is_no_uuid(people: People, request_id: str) -> None:
    calls: list[tuple[str, Any]] = [
        ("tweets.CreateTweet", _tweet(request_id)),
        ("tweets.CreateRepost", _repost(request_id, people.strange)),
        ("users.CreateUser", _user(request_id, new_handle())),
    ]
    for method, request in calls:
        people.refused(method, request, INVALID, "INVALID_FIELD", "request_id", actor=people.author)


def test_a_refused_post_does_not_use_its_request_id_up(people: People, api: Api) -> None:
    request_id = _id()
    people.refused("tweets.CreateTweet", _tweet(request_id, ""), INVALID, "INVALID_FIELD", "text", actor=people.author)
    assert api.call("tweets.CreateTweet", _tweet(request_id), people.author).tweet.text == "hello"


def test_a_post_deleted_since_does_not_come_back_by_its_request_id(people: People, api: Api) -> None:
    request = _tweet(_id())
    tweet_id = api.call("tweets.CreateTweet", request, people.author).tweet.tweet_id
    api.call("tweets.DeleteTweet", tweet_pb2.DeleteTweetRequest(tweet_id=tweet_id), people.author)
    people.refused("tweets.CreateTweet", request, NOT_FOUND, "TWEET_NOT_FOUND", actor=people.author)


@pytest.mark.xdist_group("forgetful")
def test_a_request_id_repeated_after_it_was_forgotten_posts_again(forgetful: Server) -> None:
    with Api(forgetful.target) as api:
        author = created(api)
        request = _tweet(_id())
        first = api.call("tweets.CreateTweet", request, author).tweet

        def again() -> tweet_pb2.Tweet | None:
            tweet = api.call("tweets.CreateTweet", request, author).tweet
            return tweet if tweet.tweet_id != first.tweet_id else None

        second = until("the request_id to be forgotten", again)
        assert (second.text, second.author_id) == (first.text, author)
        # And it may be used for something else then.
        other = _tweet(request.request_id, "another text")

        def answer() -> str:
            try:
                return str(api.call("tweets.CreateTweet", other, author).tweet.text)
            except MurmurationError as error:
                return error.reason

        assert answer() in ("REQUEST_ID_REUSED", "another text")
        until("the request_id to be forgotten again", lambda: answer() == "another text")
