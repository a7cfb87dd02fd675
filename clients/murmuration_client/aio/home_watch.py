"""Following a home with asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

from murmuration_client.aio.paging import pages
from murmuration_client.errors import MurmurationError
from murmuration_client.home_watch import Item, Response, WatchedHome


class AsyncHomeWatch(WatchedHome, AsyncIterator[Item]):
    """An endless async iterator over what is new in a home.

    fetch: a page of the home, of posts above an id and from a token. Cancelling a task that waits for the next item
    loses nothing: the iterator goes on when it is asked again.
    """

    def __init__(
        self,
        fetch: Callable[[int, str], Awaitable[Response]],
        since_tweet_id: int | None,
        longest_pause: float,
        patience: float,
    ) -> None:
        super().__init__(since_tweet_id, longest_pause, patience)
        self._fetch = fetch

    async def __anext__(self) -> Item:
        while not self._ready:
            if self.state is not None:
                await asyncio.sleep(self._pace.pause())
            await self._read()
        return self._next_ready()

    async def _read(self) -> None:
        while True:
            since = self._new.settled_id
            try:
                self._take([page async for page in pages(lambda token: self._fetch(since, token))])  # noqa: B023
            except MurmurationError as error:
                await asyncio.sleep(self._pause_after(error, time.monotonic()))
            else:
                return
