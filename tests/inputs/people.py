"""What the tests of bad inputs share: people who post and follow, and a look at all that is stored of them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_client.errors import MurmurationError
from tests.process.running import Api, until

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
MAX_ID = 2**63 - 1

_session = uuid.uuid4().hex[:7]
_numbers = itertools.count()


def new_handle() -> str:
    """Nobody has it."""
    return f"u{_session}{next(_numbers):x}"


def created(api: Api, handle: str = "") -> int:
    request = user_pb2.CreateUserRequest(handle=handle or new_handle())
    user_id: int = api.call("users.CreateUser", request).user.user_id
    return user_id


def posted(api: Api, author: int, text: str = "hello", **fields: Any) -> tweet_pb2.Tweet:
    return api.call("tweets.CreateTweet", tweet_pb2.CreateTweetRequest(text=text, **fields), author).tweet


@dataclass(frozen=True)
class People:
    """`author` has posted `tweet`; `reader` follows him; both know nothing of `stranger`, who has posted `strange`."""

    api: Api
    author: int
    reader: int
    stranger: int
    tweet: int
    strange: int

    def stored(self) -> dict[int, tuple[list[bytes], list[int], list[int], list[int]]]:
        """Of each: his posts, his home, his followers and followees."""
        return {user_id: self._of(user_id) for user_id in (self.author, self.reader, self.stranger)}

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Nothing of anybody is another after the block than before it."""
        until("the author's posts at his reader's home", self._delivered)
        before = self.stored()
        yield
        after = self.stored()
        assert after == before, f"{before}\nbecame\n{after}"

    def refused(
        self,
        method: str,
        request: Any,
        code: grpc.StatusCode,
        reason: str,
        field: str | None = None,
        *,
        actor: int | None = None,
        **options: Any,
    ) -> MurmurationError:
        """The call fails with that code and reason, blaming that field (None: no field), and changes nothing."""
        with self.undisturbed(), pytest.raises(MurmurationError) as failure:
            self.api.call(method, request, actor, **options)
        error = failure.value
        assert (error.code, error.reason) == (code, reason), error
        assert [name for name, _ in error.field_violations] == ([] if field is None else [field])
        assert error.message
        return error

    def _delivered(self) -> bool:
        """What is posted after a follow comes a moment later; what is looked at must not change by itself."""
        request = timeline_pb2.ListHomeTimelineRequest(page_size=100)
        home = self.api.call("timeline.ListHomeTimeline", request, self.reader).items
        listed = self.api.call("tweets.ListUserTweets", tweet_pb2.ListUserTweetsRequest(user_id=self.author)).tweets
        posts = {tweet.tweet_id for tweet in listed if tweet.kind == tweet_pb2.TWEET_KIND_POST}
        return posts <= {item.tweet.tweet_id for item in home}

    def _of(self, user_id: int) -> tuple[list[bytes], list[int], list[int], list[int]]:
        tweets = self.api.call("tweets.ListUserTweets", tweet_pb2.ListUserTweetsRequest(user_id=user_id)).tweets
        home = self.api.call("timeline.ListHomeTimeline", timeline_pb2.ListHomeTimelineRequest(), user_id).items
        followers = self.api.call("graph.ListFollowers", graph_pb2.ListFollowersRequest(user_id=user_id)).user_ids
        following = self.api.call("graph.ListFollowing", graph_pb2.ListFollowingRequest(user_id=user_id)).user_ids
        return (
            [tweet.SerializeToString(deterministic=True) for tweet in tweets],
            [item.tweet.tweet_id for item in home],
            list(followers),
            list(following),
        )


def met(api: Api) -> People:
    author, reader, stranger = created(api), created(api), created(api)
    tweet, strange = posted(api, author).tweet_id, posted(api, stranger).tweet_id
    # Followed only now: posts from before a follow are in the home at once, those after it when they are delivered.
    api.call("graph.FollowUser", graph_pb2.FollowUserRequest(user_id=author), reader)
    return People(api, author, reader, stranger, tweet, strange)
