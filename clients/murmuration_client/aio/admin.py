"""AdminService: operators' calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import cast

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client.admin import AdminCalls
from murmuration_client.aio.caller import AsyncCalls
from murmuration_client.aio.docs import documented_as
from murmuration_client.aio.paging import pages
from murmuration_client.errors import MurmurationError
from murmuration_client.graph_import import IMPORT_TIMEOUT_SECONDS, ImportProgress, ImportRequests
from murmuration_client.operations import admin as operations


@documented_as(AdminCalls)
class AsyncAdminCalls(AsyncCalls):
    async def import_graph(
        self,
        users: Iterable[tuple[str, str]],
        follows: Iterable[tuple[str, str]],
        *,
        progress: ImportProgress | None = None,
        timeout: float = IMPORT_TIMEOUT_SECONDS,
    ) -> admin_pb2.ImportGraphResponse:
        """As `AdminCalls.import_graph`; but `users` and `follows` are read, and `progress` is called, in the event
        loop, between one message and the next."""
        requests = ImportRequests(users, follows, progress)
        metadata = await self._caller.metadata()
        call = self._caller.stubs.admin.ImportGraph(iter(requests), timeout=timeout, metadata=metadata)
        try:
            return cast("admin_pb2.ImportGraphResponse", await self._caller.outcome(call, timeout))
        except MurmurationError:
            if requests.failure is not None:
                raise requests.failure from None
            raise

    async def rebuild_timeline(self, user_id: int) -> None:
        await self._caller.run(operations.rebuild_timeline(user_id))

    async def get_backlog(self) -> admin_pb2.GetBacklogResponse:
        return await self._caller.run(operations.get_backlog())

    async def set_author_mode(
        self, user_id: int, mode: tweet_pb2.DeliveryMode.ValueType
    ) -> tweet_pb2.DeliveryMode.ValueType:
        return await self._caller.run(operations.set_author_mode(user_id, mode))

    async def locate_user(self, user: int | str) -> admin_pb2.UserLocation:
        return await self._caller.run(operations.locate_user(user))

    async def preview_ring(
        self, add_nodes: Sequence[str] = (), remove_nodes: Sequence[str] = (), *, user_ids: Sequence[int] = ()
    ) -> admin_pb2.PreviewRingResponse:
        return await self._caller.run(operations.preview_ring(add_nodes, remove_nodes, user_ids))

    async def iter_dead_letters(
        self, group: str = "", *, include_settled: bool = False, page_size: int = 0
    ) -> AsyncIterator[admin_pb2.DeadLetter]:
        async for page in pages(
            lambda token: self._caller.run(
                operations.list_dead_letters(group, page_size, token, include_settled=include_settled)
            )
        ):
            for letter in page.dead_letters:
                yield letter

    async def get_dead_letter(self, letter_id: str) -> admin_pb2.DeadLetter:
        return await self._caller.run(operations.get_dead_letter(letter_id))

    async def retry_dead_letters(self, letter_ids: Sequence[str]) -> list[admin_pb2.DeadLetter]:
        return await self._caller.run(operations.retry_dead_letters(letter_ids))

    async def drop_dead_letters(self, letter_ids: Sequence[str]) -> list[admin_pb2.DeadLetter]:
        return await self._caller.run(operations.drop_dead_letters(letter_ids))
