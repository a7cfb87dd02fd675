"""Calls of stubs: the call's deadline and metadata go along, and what fails comes back as the error that it was."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Protocol, TypeVar

import grpc

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import from_rpc
from murmuration_server.platform.runtime.elastic_pool import waiting

Request_contra = TypeVar("Request_contra", contravariant=True)
Response_co = TypeVar("Response_co", covariant=True)


class Method(Protocol[Request_contra, Response_co]):
    """A unary method of a generated stub."""

    def __call__(
        self,
        request: Request_contra,
        timeout: float | None = None,
        metadata: tuple[tuple[str, str | bytes], ...] | None = None,
    ) -> Response_co: ...


def invoke(call: Call, method: Method[Request_contra, Response_co], request: Request_contra) -> Response_co:
    """Raises `MurmurationError`."""
    if call.made_of is not None:
        # Who answers does not say when the answer changes.
        call.made_of.close()
    try:
        with nullcontext() if getattr(method, "answers_here", False) else waiting():
            return method(request, timeout=call.remaining(), metadata=call.metadata())
    except grpc.RpcError as error:
        raise from_rpc(error) from error
