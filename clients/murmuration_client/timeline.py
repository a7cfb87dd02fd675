"""TimelineService: the actor's home, page by page or as one walk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from murmuration.v1 import timeline_pb2, user_pb2
from murmuration_client.caller import Calls
from murmuration_client.paging import pages

MAX_ITEMS_IN_A_PAGE = 100


class HomeWalk(Iterator[timeline_pb2.HomeTimelineItem]):
    """An iterator over a home's items, newest first, which gathers what the pages say besides.

    users: every author and reposted author of the pages read so far, by id.
    state: the state of the last page read; None before the first.
    """

    def __init__(self, responses: Iterable[timeline_pb2.ListHomeTimelineResponse]) -> None:
        self.users: dict[int, user_pb2.User] = {}
        self.state: timeline_pb2.TimelineState | None = None
        self._items = self._walk(responses)

    def _walk(
        self, responses: Iterable[timeline_pb2.ListHomeTimelineResponse]
    ) -> Iterator[timeline_pb2.HomeTimelineItem]:
        for response in responses:
            self.users.update((user.user_id, user) for user in response.users)
            self.state = response.state
            yield from response.items

    def __next__(self) -> timeline_pb2.HomeTimelineItem:
        return next(self._items)


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
        request = timeline_pb2.ListHomeTimelineRequest(
            page_size=page_size,
            page_token=page_token,
            since_tweet_id=since_tweet_id,
            exclude_replies=exclude_replies,
            exclude_reposts=exclude_reposts,
        )
        return self._caller.call(self._caller.stubs.timeline.ListHomeTimeline, request)

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
