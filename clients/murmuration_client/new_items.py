"""What is new in a home, read by read: each item once, oldest first, with what comes late.

A home is ordered by post ids, and an id is taken before its post is written: a post may appear below one that was there
already, by as much as its writing and its delivery took. So each read begins some way below the newest item, and what
was taken from there is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence

from murmuration.v1 import timeline_pb2

HOLD_MS = 2_000
"""An item that delivery (`as_of_ms`) has not passed may have older ones still to come: it is held back for so long."""

LATE_MS = 15_000
"""By how much a post may appear after others with greater ids: more than the 10 s that a call without a deadline may
take on the server, with its retries in the client."""

MOST_REMEMBERED = 10_000
"""Ids of taken items. Above this, while delivery stands still, the oldest are forgotten and no longer read."""


class NewItems:
    """since_tweet_id: only what has a greater id; None: only what appears after the first read.

    last_id: the greatest id taken or passed over so far, at first since_tweet_id.
    settled_id: nothing new will appear with an id up to this one, but for posts that came later than LATE_MS.
    """

    def __init__(self, since_tweet_id: int | None) -> None:
        self.last_id = self.settled_id = since_tweet_id or 0
        self._from_now_on = since_tweet_id is None
        self._begun_ms: int | None = None
        self._taken: dict[int, int] = {}  # id to milliseconds, of all taken items above settled_id

    def take(
        self, items: Sequence[timeline_pb2.HomeTimelineItem], state: timeline_pb2.TimelineState
    ) -> list[timeline_pb2.HomeTimelineItem]:
        """Of a home's items above settled_id, newest first, those that are new, oldest first.

        state: of the first page. What later pages add is older, and what appeared in between comes with the next read.
        """
        now_ms = state.as_of_ms + state.lag_ms
        first = self._begun_ms is None
        begun_ms = self._begun_ms = now_ms if self._begun_ms is None else self._begun_ms
        new = []
        for item in reversed(items):
            tweet_id, posted_ms = item.tweet.tweet_id, item.tweet.create_time_ms
            if tweet_id in self._taken or tweet_id <= self.settled_id:
                continue
            old = self._from_now_on and (first or posted_ms < begun_ms - LATE_MS)
            if not old:
                if state.as_of_ms < posted_ms and 0 <= now_ms - posted_ms < HOLD_MS:
                    continue
                new.append(item)
            self._taken[tweet_id] = posted_ms
            self.last_id = max(self.last_id, tweet_id)
        self._settle(state.as_of_ms - LATE_MS)
        return new

    def _settle(self, settled_ms: int) -> None:
        ids = sorted(self._taken)
        above = max(0, len(ids) - MOST_REMEMBERED)
        for place, tweet_id in enumerate(ids):
            if place >= above and self._taken[tweet_id] >= settled_ms:
                return
            self.settled_id = tweet_id
            del self._taken[tweet_id]
