"""The asyncio client: the methods of all services, for one actor, over one channel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, cast

import grpc
import grpc.aio

from murmuration_client.aio.admin import AsyncAdminCalls
from murmuration_client.aio.caller import AsyncCaller, Token
from murmuration_client.aio.channel import open_channel
from murmuration_client.aio.docs import documented_as
from murmuration_client.aio.graph import AsyncGraphCalls
from murmuration_client.aio.timeline import AsyncTimelineCalls
from murmuration_client.aio.tweets import AsyncTweetCalls
from murmuration_client.aio.users import AsyncUserCalls
from murmuration_client.channel import DEFAULT_TARGET, USUAL_CONNECTION, ChannelOption
from murmuration_client.client import Client
from murmuration_client.connection import ConnectionSettings
from murmuration_client.operation import Stubs
from murmuration_client.terms import DEFAULT_TIMEOUT_SECONDS, Terms, check_token_is_safe, new_request_id


@documented_as(Client)
class AsyncClient(AsyncUserCalls, AsyncTweetCalls, AsyncGraphCalls, AsyncTimelineCalls):
    """The twin of `murmuration_client.Client` for asyncio: the same methods, arguments and errors, to be awaited.

        async with AsyncClient("127.0.0.1:7700") as client:
            alice = await client.create_user("alice", "Alice")
            await client.acting_as(alice.user_id).create_tweet("Hello")

    What there is an iterator is an async iterator here. Cancelling a task cancels its call. Make it within the event
    loop that uses it. token: may also answer an awaitable. interceptors: those of grpc.aio.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        actor_id: int | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
        connection: ConnectionSettings = USUAL_CONNECTION,
        options: Sequence[ChannelOption] = (),
        token: Token | None = None,
        traceparent: Callable[[], str | None] | None = None,
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        terms = Terms(target, actor_id, timeout, new_request_id, traceparent)
        check_token_is_safe(target, token, credentials)
        _require_loop()
        channel = open_channel(
            target, credentials=credentials, connection=connection, options=options, interceptors=interceptors
        )
        super().__init__(AsyncCaller(terms, Stubs(cast("grpc.Channel", channel)), token))
        self._channel: grpc.aio.Channel | None = channel

    @property
    def target(self) -> str:
        return self._caller.terms.target

    @property
    def actor_id(self) -> int | None:
        return self._caller.terms.actor_id

    @property
    def admin(self) -> AsyncAdminCalls:
        """Operators' calls, with the same actor, timeout and channel."""
        return AsyncAdminCalls(self._caller)

    def acting_as(self, user_id: int) -> AsyncClient:
        return self._view(actor_id=user_id)

    def with_timeout(self, seconds: float) -> AsyncClient:
        return self._view(timeout=seconds)

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _view(self, **changes: Any) -> AsyncClient:
        view = object.__new__(type(self))
        view._caller = self._caller.on_terms(**changes)
        view._channel = None
        return view


def _require_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("make an AsyncClient within the event loop that uses it, in an async function") from None
