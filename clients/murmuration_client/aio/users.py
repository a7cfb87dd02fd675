"""UserService: accounts and their handles."""

from __future__ import annotations

from collections.abc import Iterable

from murmuration.v1 import user_pb2
from murmuration_client.aio.caller import AsyncCalls
from murmuration_client.aio.docs import documented_as
from murmuration_client.batches import in_batches
from murmuration_client.operations import users as operations
from murmuration_client.users import UserCalls


@documented_as(UserCalls)
class AsyncUserCalls(AsyncCalls):
    async def create_user(self, handle: str, display_name: str = "", *, request_id: str | None = None) -> user_pb2.User:
        return await self._caller.run(operations.create_user(handle, display_name, self._request_id(request_id)))

    async def get_user(self, user: int | str) -> user_pb2.User:
        return await self._caller.run(operations.get_user(user))

    async def batch_get_users(self, user_ids: Iterable[int]) -> dict[int, user_pb2.User]:
        found: dict[int, user_pb2.User] = {}
        for batch in in_batches(user_ids):
            found.update(await self._caller.run(operations.batch_get_users(batch)))
        return found
