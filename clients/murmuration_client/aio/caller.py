"""How the asyncio client makes a call. The methods of every service go through here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import Any, TypeVar, cast

import grpc

from murmuration_client.errors import Cancelled
from murmuration_client.operation import Operation, Stubs
from murmuration_client.status import from_rpc
from murmuration_client.terms import Metadata, Terms

_Answer = TypeVar("_Answer")
Token = Callable[[], str | Awaitable[str]]


@dataclass(frozen=True, slots=True)
class AsyncCaller:
    """Everything a call needs but its operation. stubs: over a channel of grpc.aio. token: called for each call."""

    terms: Terms
    stubs: Stubs
    token: Token | None

    async def metadata(self) -> Metadata:
        token = None if self.token is None else self.token()
        return self.terms.metadata(await token if isawaitable(token) else token)

    async def run(self, operation: Operation[_Answer]) -> _Answer:
        """Makes a unary call with actor and deadline; raises MurmurationError."""
        metadata = await self.metadata()
        call = operation.method(self.stubs)(operation.request, timeout=self.terms.timeout, metadata=metadata)
        return operation.answer(await self.outcome(call, self.terms.timeout))

    async def outcome(self, call: object, timeout: float) -> Any:
        """The response of a call begun on a stub of grpc.aio. Cancelling the task cancels the call, and is no error."""
        try:
            return await cast("Awaitable[Any]", call)
        except grpc.RpcError as error:
            raise from_rpc(error, self.terms.target, timeout) from error
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The call was cancelled and the task was not: the client was closed.
            raise Cancelled(
                f"The call to {self.terms.target} was cancelled: the client was closed.",
                reason="CANCELLED",
                code=grpc.StatusCode.CANCELLED,
            ) from None

    def on_terms(self, **changes: Any) -> AsyncCaller:
        """The same channel on other terms."""
        return replace(self, terms=replace(self.terms, **changes))


class AsyncCalls:
    """Base of the classes that hold a service's methods."""

    def __init__(self, caller: AsyncCaller) -> None:
        self._caller = caller

    def _request_id(self, given: str | None) -> str:
        return given or self._caller.terms.new_request_id()
