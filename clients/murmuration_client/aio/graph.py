"""GraphService: who follows, blocks and mutes whom."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from murmuration.v1 import graph_pb2
from murmuration_client.aio.caller import AsyncCalls
from murmuration_client.aio.docs import documented_as
from murmuration_client.aio.paging import pages
from murmuration_client.batches import in_batches
from murmuration_client.graph import MAX_IDS_IN_A_PAGE, GraphCalls
from murmuration_client.operations import graph as operations


@documented_as(GraphCalls)
class AsyncGraphCalls(AsyncCalls):
    async def follow(self, user_id: int, hide_reposts: bool = False) -> graph_pb2.Relationship:
        return await self._caller.run(operations.follow(user_id, hide_reposts))

    async def unfollow(self, user_id: int) -> graph_pb2.Relationship:
        return await self._caller.run(operations.unfollow(user_id))

    async def block(self, user_id: int) -> graph_pb2.Relationship:
        return await self._caller.run(operations.block(user_id))

    async def unblock(self, user_id: int) -> graph_pb2.Relationship:
        return await self._caller.run(operations.unblock(user_id))

    async def mute(self, user_id: int) -> graph_pb2.Relationship:
        return await self._caller.run(operations.mute(user_id))

    async def unmute(self, user_id: int) -> graph_pb2.Relationship:
        return await self._caller.run(operations.unmute(user_id))

    async def relationships(self, user_ids: Iterable[int]) -> list[graph_pb2.Relationship]:
        found: list[graph_pb2.Relationship] = []
        for batch in in_batches(user_ids):
            found.extend(await self._caller.run(operations.relationships(batch)))
        return found

    async def iter_followers(self, user_id: int, *, page_size: int = MAX_IDS_IN_A_PAGE) -> AsyncIterator[int]:
        async for page in pages(lambda token: self._caller.run(operations.list_followers(user_id, page_size, token))):
            for each in page.user_ids:
                yield each

    async def iter_following(self, user_id: int, *, page_size: int = MAX_IDS_IN_A_PAGE) -> AsyncIterator[int]:
        async for page in pages(lambda token: self._caller.run(operations.list_following(user_id, page_size, token))):
            for each in page.user_ids:
                yield each

    async def follow_counts(self, user_id: int) -> graph_pb2.GetFollowCountsResponse:
        return await self._caller.run(operations.follow_counts(user_id))
