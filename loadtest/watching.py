"""From ack to visible: followers who look for a post until they have it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from loadtest.calls import VISIBLE, Record, Timing, recorded
from loadtest.checks import NOT_DELIVERED, Wrong, check_items
from loadtest.crowd import Crowd
from murmuration.v1 import timeline_pb2, tweet_pb2

FOLLOWERS = 3
"""Watched for each post."""
PAGE_SIZE = 100
FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS, PAUSE_GROWTH = 0.02, 0.5, 1.5
LATEST_SECONDS = 10.0
_READY = timeline_pb2.TimelineState.STATUS_READY
ROW, POLL_ROW = "post to visible", "home, watched for a post"


Spawn = Callable[[Callable[[], None]], bool]


class NotVisible(Exception):
    """Too late, though not wrong: the system does not say that it has delivered the post."""


@dataclass(frozen=True, slots=True)
class Posted:
    """acked_at: by the clock of the load. acked_before_ms: the server had acked it before this moment of its own
    clock, milliseconds since 1970: it took its time for the post during the call, which lasted so long."""

    tweet: tweet_pb2.Tweet
    author: int
    acked_at: float
    acked_before_ms: int


class Watches:
    """spawn: runs a function beside the caller, and answers False if too many run already: then nobody watches."""

    def __init__(self, crowd: Crowd, record: Record, timing: Timing, spawn: Spawn) -> None:
        self._crowd, self._record, self._timing, self._spawn = crowd, record, timing, spawn

    def begin(self, posted: Posted, rng: random.Random) -> None:
        for follower in self._crowd.some_followers(posted.author, FOLLOWERS, rng):
            self._spawn(lambda follower=follower: self._watch(posted, follower))  # type: ignore[misc]

    def _watch(self, posted: Posted, follower: int) -> None:
        """Looks at once, then with growing pauses: a post is found late by one of them at most."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            page = recorded(self._record, self._timing, POLL_ROW, lambda: self._page(posted, follower))
            seconds = self._timing.now() - posted.acked_at
            if page is not None and any(item.tweet.tweet_id == posted.tweet.tweet_id for item in page.items):
                self._record(VISIBLE, ROW, seconds)
                return
            failure = self._verdict(posted, page, seconds)
            if failure is not None:
                if self._crowd.follows(follower, posted.author):
                    self._record(VISIBLE, ROW, seconds, failure)
                return
            self._timing.sleep(pause)
            pause = min(pause * PAUSE_GROWTH, MOST_PAUSE_SECONDS)

    def _page(self, posted: Posted, follower: int) -> timeline_pb2.ListHomeTimelineResponse:
        since = posted.tweet.tweet_id - 1
        page = self._crowd.acting_as(follower).home_page(PAGE_SIZE, since_tweet_id=since)
        check_items(page.items, since=since)
        return page

    def _verdict(
        self, posted: Posted, page: timeline_pb2.ListHomeTimelineResponse | None, seconds: float
    ) -> Exception | None:
        """Of a page without the post. One that goes on below says nothing: so much was posted since."""
        if (
            page is not None
            and not page.next_page_token
            and page.state.status == _READY
            and page.state.as_of_ms > posted.acked_before_ms
        ):
            return Wrong(NOT_DELIVERED)
        return NotVisible(f"after {LATEST_SECONDS:g} s") if seconds > LATEST_SECONDS else None
