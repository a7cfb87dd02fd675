"""A system in a few lines of memory, in which everybody follows everybody, and which tells one lie if asked to.

The generator is what is tested here: that it notices. What the system keeps is tested on the system."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from loadtest.calls import Timing
from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_client import NotFound

READY = timeline_pb2.TimelineState.STATUS_READY
CALL_SECONDS = 0.01
FIRST_ID = 1_000


class Clock:
    """Goes forward by sleeps and calls alone."""

    def __init__(self) -> None:
        self.seconds = 100.0

    @property
    def timing(self) -> Timing:
        return Timing(lambda: self.seconds, self.pass_by)

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


class Liar:
    """lie: the name of one of the attributes below, or empty for an honest system. It stands for the
    client too, for whom it acts as. User n has the id n + 1."""

    def __init__(self, clock: Clock, lie: str = "", actor: int = 0, shared: Shared | None = None) -> None:
        self.clock, self.lie, self.actor = clock, lie, actor
        self.shared = shared or Shared()

    def acting_as(self, user_id: int) -> Liar:
        return Liar(self.clock, self.lie, user_id, self.shared)

    def get_user(self, handle: str) -> user_pb2.User:
        self._take()
        return user_pb2.User(user_id=int(handle[1:]) + 1, handle=handle)

    def create_tweet(self, text: str, in_reply_to: int = 0) -> tweet_pb2.Tweet:
        self._take()
        kind = tweet_pb2.TWEET_KIND_REPLY if in_reply_to else tweet_pb2.TWEET_KIND_POST
        tweet = tweet_pb2.Tweet(
            tweet_id=next(self.shared.ids),
            author_id=self.actor,
            text=text,
            kind=kind,
            create_time_ms=self._now_ms(),
        )
        self.shared.posts.append(tweet)
        return tweet

    def create_repost(self, tweet_id: int) -> tweet_pb2.Tweet:
        return self.create_tweet("", in_reply_to=tweet_id)

    def delete_tweet(self, tweet_id: int) -> None:
        self._take()
        if self.lie != "deletes_nothing":
            self.shared.deleted.add(tweet_id)

    def get_tweet(self, tweet_id: int) -> tweet_pb2.GetTweetResponse:
        self._take()
        if tweet_id in self.shared.deleted and self.lie != "fetches_the_deleted":
            raise NotFound("gone", reason="TWEET_NOT_FOUND")
        return tweet_pb2.GetTweetResponse()

    def follow(self, user_id: int) -> graph_pb2.Relationship:
        self._take()
        self.shared.left.discard((self.actor, user_id))
        return graph_pb2.Relationship()

    def unfollow(self, user_id: int) -> graph_pb2.Relationship:
        self._take()
        if self.lie != "unfollows_nobody":
            self.shared.left.add((self.actor, user_id))
        return graph_pb2.Relationship()

    def home_page(
        self, page_size: int = 20, page_token: str = "", since_tweet_id: int = 0
    ) -> timeline_pb2.ListHomeTimelineResponse:
        self._take()
        below = int(page_token or 1 << 62)
        since = 0 if self.lie == "ignores_since" else since_tweet_id
        newest = [tweet for tweet in reversed(self.shared.posts) if since < tweet.tweet_id < below]
        found = [tweet for tweet in newest if self._shows(tweet)]
        page = self._bent(found[:page_size])
        if self.lie == "repeats_across_pages" and page and page_token:
            page = [next(tweet for tweet in self.shared.posts if tweet.tweet_id == below), *page]
        lag_ms = 3_600_000 if self.lie == "delivers_late" else 0
        return timeline_pb2.ListHomeTimelineResponse(
            items=[timeline_pb2.HomeTimelineItem(tweet=tweet) for tweet in page],
            next_page_token=str(found[page_size - 1].tweet_id) if len(found) > page_size else "",
            state=timeline_pb2.TimelineState(status=READY, as_of_ms=self._now_ms() - lag_ms),
        )

    def _shows(self, tweet: tweet_pb2.Tweet) -> bool:
        own = tweet.author_id == self.actor
        if self.lie == "hides_own_posts" and own:
            return False
        if self.lie in ("drops_deliveries", "delivers_late") and not own:
            return False
        return tweet.tweet_id not in self.shared.deleted and (
            own or (self.actor, tweet.author_id) not in self.shared.left
        )

    def _bent(self, page: list[tweet_pb2.Tweet]) -> list[tweet_pb2.Tweet]:
        bends: dict[str, Callable[[], list[tweet_pb2.Tweet]]] = {
            "oldest_first": lambda: page[::-1],
            "repeats_on_a_page": lambda: [*page[:1], *page],
        }
        return bends.get(self.lie, lambda: page)()

    def _take(self) -> None:
        self.clock.pass_by(CALL_SECONDS)

    def _now_ms(self) -> int:
        return round(self.clock.seconds * 1000)


class Shared:
    """What all views of one system have in common."""

    def __init__(self) -> None:
        self.ids = count(FIRST_ID)
        self.posts: list[tweet_pb2.Tweet] = []
        self.deleted: set[int] = set()
        self.left: set[tuple[int, int]] = set()
