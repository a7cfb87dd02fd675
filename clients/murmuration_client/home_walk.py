"""A home as one walk over its pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from murmuration.v1 import timeline_pb2, user_pb2


class WalkedHome:
    """What the pages of a walk say besides their items, whoever fetches them.

    users: every author and reposted author of the pages read so far, by id.
    state: the state of the last page read; None before the first.
    """

    def __init__(self) -> None:
        self.users: dict[int, user_pb2.User] = {}
        self.state: timeline_pb2.TimelineState | None = None

    def _note(self, response: timeline_pb2.ListHomeTimelineResponse) -> None:
        self.users.update((user.user_id, user) for user in response.users)
        self.state = response.state


class HomeWalk(WalkedHome, Iterator[timeline_pb2.HomeTimelineItem]):
    """An iterator over a home's items, newest first."""

    def __init__(self, responses: Iterable[timeline_pb2.ListHomeTimelineResponse]) -> None:
        super().__init__()
        self._items = self._walk(responses)

    def _walk(
        self, responses: Iterable[timeline_pb2.ListHomeTimelineResponse]
    ) -> Iterator[timeline_pb2.HomeTimelineItem]:
        for response in responses:
            self._note(response)
            yield from response.items

    def __next__(self) -> timeline_pb2.HomeTimelineItem:
        return next(self._items)
