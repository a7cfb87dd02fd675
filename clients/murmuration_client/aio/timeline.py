"""TimelineService: the actor's home, page by page, as one walk, or as it grows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client.aio.caller import AsyncCalls
from murmuration_client.aio.docs import documented_as
from murmuration_client.aio.home_walk import AsyncHomeWalk
from murmuration_client.aio.home_watch import AsyncHomeWatch
from murmuration_client.aio.paging import pages
from murmuration_client.errors import MurmurationError
from murmuration_client.home_watch import DEFAULT_LONGEST_PAUSE_SECONDS, DEFAULT_PATIENCE_SECONDS
from murmuration_client.operations import timeline as operations
from murmuration_client.timeline import MAX_ITEMS_IN_A_PAGE, TimelineCalls
from murmuration_client.visibility import DEFAULT_WAIT_SECONDS, Waiting


@documented_as(TimelineCalls)
class AsyncTimelineCalls(AsyncCalls):
    async def home_page(
        self,
        page_size: int = 0,
        page_token: str = "",
        since_tweet_id: int = 0,
        exclude_replies: bool = False,
        exclude_reposts: bool = False,
    ) -> timeline_pb2.ListHomeTimelineResponse:
        return await self._caller.run(
            operations.home_page(page_size, page_token, since_tweet_id, exclude_replies, exclude_reposts)
        )

    def home_walk(
        self,
        *,
        page_size: int = MAX_ITEMS_IN_A_PAGE,
        since_tweet_id: int = 0,
        exclude_replies: bool = False,
        exclude_reposts: bool = False,
    ) -> AsyncHomeWalk:
        return AsyncHomeWalk(
            pages(lambda token: self.home_page(page_size, token, since_tweet_id, exclude_replies, exclude_reposts))
        )

    def home(
        self,
        *,
        page_size: int = MAX_ITEMS_IN_A_PAGE,
        since_tweet_id: int = 0,
        exclude_replies: bool = False,
        exclude_reposts: bool = False,
    ) -> AsyncIterator[timeline_pb2.HomeTimelineItem]:
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
    ) -> AsyncHomeWatch:
        return AsyncHomeWatch(
            lambda since, token: self.home_page(MAX_ITEMS_IN_A_PAGE, token, since, exclude_replies, exclude_reposts),
            since_tweet_id,
            longest_pause,
            patience,
        )

    async def wait_visible(
        self,
        tweet: tweet_pb2.Tweet | int,
        *,
        reader_id: int | None = None,
        timeout: float = DEFAULT_WAIT_SECONDS,
    ) -> timeline_pb2.HomeTimelineItem:
        caller = self._caller if reader_id is None else self._caller.on_terms(actor_id=reader_id)
        waiting = Waiting(tweet, caller.terms.actor_id, timeout, time.monotonic())
        while True:
            limit = waiting.timeout_of_a_call(caller.terms.timeout, time.monotonic())
            reader = AsyncTimelineCalls(caller.on_terms(timeout=limit))
            walk = reader.home_walk(since_tweet_id=waiting.since)
            try:
                item = waiting.find([item async for item in walk])
            except MurmurationError as error:
                pause = waiting.pause_after_failure(error, time.monotonic())
            else:
                if item is not None:
                    return item
                assert walk.state is not None  # A walk to the end has read a page.
                pause = waiting.pause_after_read(walk.state, time.monotonic())
            await asyncio.sleep(pause)
