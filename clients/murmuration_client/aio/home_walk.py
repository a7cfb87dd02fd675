"""A home as one walk over its pages."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator

from murmuration.v1 import timeline_pb2
from murmuration_client.home_walk import WalkedHome


class AsyncHomeWalk(WalkedHome, AsyncIterator[timeline_pb2.HomeTimelineItem]):
    """An async iterator over a home's items, newest first."""

    def __init__(self, responses: AsyncIterable[timeline_pb2.ListHomeTimelineResponse]) -> None:
        super().__init__()
        self._items = self._walk(responses)

    async def _walk(
        self, responses: AsyncIterable[timeline_pb2.ListHomeTimelineResponse]
    ) -> AsyncIterator[timeline_pb2.HomeTimelineItem]:
        async for response in responses:
            self._note(response)
            for item in response.items:
                yield item

    async def __anext__(self) -> timeline_pb2.HomeTimelineItem:
        return await anext(self._items)
