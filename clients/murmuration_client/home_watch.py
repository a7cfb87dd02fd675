"""Following a home: what both kinds of iterators share, and the synchronous one."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from murmuration.v1 import timeline_pb2, user_pb2
from murmuration_client.errors import DeadlineExceeded, MurmurationError, Overloaded, Unavailable
from murmuration_client.new_items import NewItems
from murmuration_client.pace import Pace
from murmuration_client.paging import pages

FIRST_PAUSE_SECONDS = 0.1
DEFAULT_LONGEST_PAUSE_SECONDS = 1.0
DEFAULT_PATIENCE_SECONDS = 60.0

Response = timeline_pb2.ListHomeTimelineResponse
Item = timeline_pb2.HomeTimelineItem


class WatchedHome:
    """The state of a watch, whoever makes the calls and the pauses.

    users: authors and reposted authors of the items of the last read, by id.
    state: the state that the last read answered; None before the first.
    """

    def __init__(self, since_tweet_id: int | None, longest_pause: float, patience: float) -> None:
        if not longest_pause > 0:
            raise ValueError("longest_pause must be above 0 s")
        self.users: dict[int, user_pb2.User] = {}
        self.state: timeline_pb2.TimelineState | None = None
        self._new = NewItems(since_tweet_id)
        self._last_id = self._new.last_id
        self._pace = Pace(FIRST_PAUSE_SECONDS, longest_pause)
        self._patience = patience
        self._failing_since: float | None = None
        self._ready: deque[Item] = deque()

    @property
    def last_id(self) -> int:
        """The greatest id yielded or passed over so far. `since_tweet_id=last_id` goes on without a repetition; what
        was late when the first watch ended (see `settled_id`) is then not shown."""
        return self._last_id

    @property
    def settled_id(self) -> int:
        """`since_tweet_id=settled_id` goes on without a gap; up to the last 15 s may be shown again."""
        if self._ready:
            return min(self._new.settled_id, self._ready[0].tweet.tweet_id - 1)
        return self._new.settled_id

    def _take(self, read: Sequence[Response]) -> None:
        """read: the pages of one read above `self._new.settled_id`, at least one."""
        self._failing_since = None
        self.state = read[0].state
        found = self._new.take([item for page in read for item in page.items], self.state)
        if found:
            self.users = {user.user_id: user for page in read for user in page.users}
            self._ready.extend(found)
            self._pace.begin_again()
        else:
            self._last_id = self._new.last_id

    def _next_ready(self) -> Item:
        item = self._ready.popleft()
        self._last_id = max(self._last_id, item.tweet.tweet_id)
        return item

    def _pause_after(self, error: MurmurationError, now: float) -> float:
        """Seconds to pause after a failed read. Raises the error if it will not pass, or has lasted too long."""
        if not isinstance(error, Unavailable | Overloaded | DeadlineExceeded):
            raise error
        self._failing_since = now if self._failing_since is None else self._failing_since
        pause = max(self._pace.pause(), error.retry_after or 0.0)
        if now + pause - self._failing_since > self._patience:
            raise error
        return pause


class HomeWatch(WatchedHome, Iterator[Item]):
    """An endless iterator over what is new in a home. It blocks until there is something.

    fetch: a page of the home, of posts above an id and from a token.
    """

    def __init__(
        self,
        fetch: Callable[[int, str], Response],
        since_tweet_id: int | None,
        longest_pause: float,
        patience: float,
    ) -> None:
        super().__init__(since_tweet_id, longest_pause, patience)
        self._fetch = fetch

    def __next__(self) -> Item:
        while not self._ready:
            if self.state is not None:
                time.sleep(self._pace.pause())
            self._read()
        return self._next_ready()

    def _read(self) -> None:
        while True:
            since = self._new.settled_id
            try:
                self._take(list(pages(lambda token: self._fetch(since, token))))  # noqa: B023 - read at once
            except MurmurationError as error:
                time.sleep(self._pause_after(error, time.monotonic()))
            else:
                return
