"""How the synchronous client makes a call. The methods of every service go through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import grpc

from murmuration_client.operation import Operation, Stubs
from murmuration_client.status import from_rpc
from murmuration_client.terms import Metadata, Terms

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Caller:
    """Everything a call needs but its operation. token: called for each call; answers a bearer token."""

    terms: Terms
    stubs: Stubs
    token: Callable[[], str] | None

    def metadata(self) -> Metadata:
        return self.terms.metadata(None if self.token is None else self.token())

    def run(self, operation: Operation[_Answer]) -> _Answer:
        """Makes a unary call with actor and deadline; raises MurmurationError."""
        metadata = self.metadata()
        try:
            response = operation.method(self.stubs)(operation.request, timeout=self.terms.timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise from_rpc(error, self.terms.target, self.terms.timeout) from error
        return operation.answer(response)

    def on_terms(self, **changes: Any) -> Caller:
        """The same channel on other terms."""
        return replace(self, terms=replace(self.terms, **changes))


class Calls:
    """Base of the classes that hold a service's methods."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def _request_id(self, given: str | None) -> str:
        return given or self._caller.terms.new_request_id()
