"""TimelineService: the actor's home, page by page, as one walk, or as it grows."""

from __future__ import annotations

import time
from collections.abc import Iterator

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client.caller import Calls
from murmuration_client.errors import MurmurationError
from murmuration_client.home_walk import HomeWalk
from murmuration_client.home_watch import DEFAULT_LONGEST_PAUSE_SECONDS, DEFAULT_PATIENCE_SECONDS, HomeWatch
from murmuration_client.operations import timeline as operations
from murmuration_client.paging import pages
from murmuration_client.visibility import DEFAULT_WAIT_SECONDS, Waiting

MAX_ITEMS_IN_A_PAGE = 100


class TimelineCalls(Calls):
    def home_page(
        self,
        page_size: int = 0,
        page_token: str = "",
        since_tweet_id: int = 0,
        exclude_replies: bool = False,
        exclude_reposts: bool = False,
    ) -> timeline_pb2.ListHomeTimelineResponse:
        """One page of the actor's home, newest first; it may be short or empty and still have a next_page_token.

        page_size: at most 100; 0 means 20. since_tweet_id: only posts with greater ids. A page_token is good for the
        same reader and the same query. Raises InvalidArgument (INVALID_PAGE_TOKEN among others), ActorRequired,
        Unavailable (the reader's relations cannot be read).
        """
        return self._caller.run(
            operations.home_page(page_size, page_token, since_tweet_id, exclude_replies, exclude_reposts)
        )

    def home_walk(
        self,
        *,
        page_size: int = MAX_ITEMS_IN_A_PAGE,
        since_tweet_id: int = 0,
        exclude_replies: bool = False,
        exclude_reposts: bool = False,
    ) -> HomeWalk:
        """The actor's whole home: an iterator over items with `.users` and `.state`. Pages are fetched as needed."""

        def fetch(token: str) -> timeline_pb2.ListHomeTimelineResponse:
            return self.home_page(page_size, token, since_tweet_id, exclude_replies, exclude_reposts)

        return HomeWalk(pages(fetch))

    def home(
        self,
        *,
        page_size: int = MAX_ITEMS_IN_A_PAGE,
        since_tweet_id: int = 0,
        exclude_replies: bool = False,
        exclude_reposts: bool = False,
    ) -> Iterator[timeline_pb2.HomeTimelineItem]:
        """The items of the actor's whole home, newest first."""
        return self.home_walk(
            page_size=page_size,
            since_tweet_id=since_tweet_id,
            exclude_replies=exclude_replies,
            exclude_reposts=exclude_reposts,
        )

    def watch_home(
        self,
        *,
        since_tweet_id: int | None = None,
        exclude_replies: bool = False,
        exclude_reposts: bool = False,
        longest_pause: float = DEFAULT_LONGEST_PAUSE_SECONDS,
        patience: float = DEFAULT_PATIENCE_SECONDS,
    ) -> HomeWatch:
        """What is new in the actor's home, as it appears: an endless iterator, oldest first, each item once.

        since_tweet_id: only what has a greater id, which is how a watch is resumed: see `HomeWatch.last_id` and
        `settled_id`. None: what appears from now on; 0: the whole home, and on from there.
        longest_pause: seconds between two reads at most, while nothing happens. patience: for how many seconds reads
        may fail (no server, overload) before the error is raised; the iterator then goes on if it is asked again.
        An item waits for older ones that are still being delivered, for two seconds at most. One that comes later than
        that is shown when it comes. Memory is bounded by the home's size (800 items) and by 10,000 ids.
        Raises ActorRequired, InvalidArgument, and after `patience` Unavailable, Overloaded or DeadlineExceeded.
        """

        def fetch(since: int, token: str) -> timeline_pb2.ListHomeTimelineResponse:
            return self.home_page(MAX_ITEMS_IN_A_PAGE, token, since, exclude_replies, exclude_reposts)

        return HomeWatch(fetch, since_tweet_id, longest_pause, patience)

    def wait_visible(
        self,
        tweet: tweet_pb2.Tweet | int,
        *,
        reader_id: int | None = None,
        timeout: float = DEFAULT_WAIT_SECONDS,
    ) -> timeline_pb2.HomeTimelineItem:
        """Waits until a post is visible in a home, and answers it as it stands there.

        tweet: a post or its id; for a repost, the repost's. reader_id: whose home; None: the actor's. timeout: seconds
        for the whole wait. The home is read again and again, with pauses from 20 ms to 1 s.
        Raises NotVisible, which says what stands in the way; what a read raises, if it will not pass.
        """
        caller = self._caller if reader_id is None else self._caller.on_terms(actor_id=reader_id)
        waiting = Waiting(tweet, caller.terms.actor_id, timeout, time.monotonic())
        while True:
            limit = waiting.timeout_of_a_call(caller.terms.timeout, time.monotonic())
            reader = TimelineCalls(caller.on_terms(timeout=limit))
            walk = reader.home_walk(since_tweet_id=waiting.since)
            try:
                item = waiting.find(walk)
            except MurmurationError as error:
                pause = waiting.pause_after_failure(error, time.monotonic())
            else:
                if item is not None:
                    return item
                assert walk.state is not None  # A walk to the end has read a page.
                pause = waiting.pause_after_read(walk.state, time.monotonic())
            time.sleep(pause)
