"""A channel onto servicers in the same process: bytes both ways, errors, deadline and metadata as over a wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from murmuration_server.platform.errors import DETAILS_METADATA, MurmurationError
from murmuration_server.platform.server import Dispatcher


class InProcessError(grpc.RpcError):
    """What a stub raises for a `MurmurationError` of the servicer."""

    def __init__(self, error: MurmurationError) -> None:
        super().__init__(error.message)
        self._error = error

    def code(self) -> grpc.StatusCode:
        return self._error.code

    def details(self) -> str:
        return self._error.message

    def trailing_metadata(self) -> Any:
        return ((DETAILS_METADATA, self._error.to_status()),)


class _Unimplemented(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNIMPLEMENTED

    def details(self) -> str:
        return "This process does not serve that method."

    def trailing_metadata(self) -> Any:
        return ()


class _UnaryUnary:
    answers_here = True
    """By the thread that calls it."""

    def __init__(
        self, dispatcher: Dispatcher, path: str, serialize: Callable[[Any], bytes], parse: Callable[[bytes], Any]
    ) -> None:
        self._dispatcher, self._path, self._serialize, self._parse = dispatcher, path, serialize, parse

    def __call__(
        self, request: object, timeout: float | None = None, metadata: Any = None, **_options: object
    ) -> object:
        # Looked up at the call, not before: stubs are made first and servicers bound later.
        method = self._dispatcher.method(self._path)
        if method is None:
            raise _Unimplemented
        try:
            answer = self._dispatcher.invoke(method, self._serialize(request), metadata or (), timeout)
        except MurmurationError as error:
            raise InProcessError(error) from error
        return self._parse(answer)


def _unsupported(*_args: object, **_options: object) -> Any:
    raise TypeError("the in-process channel serves unary calls only")


class InProcessChannel(grpc.Channel):
    """Serves unary calls of the generated stubs; internal services have no others."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        return _UnaryUnary(self._dispatcher, method, request_serializer, response_deserializer)

    def unary_stream(self, *_args: Any, **_options: Any) -> Any:
        return _unsupported

    def stream_unary(self, *_args: Any, **_options: Any) -> Any:
        return _unsupported

    def stream_stream(self, *_args: Any, **_options: Any) -> Any:
        return _unsupported

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:
        """Always ready; nobody needs to be told."""

    def unsubscribe(self, callback: Any) -> None:
        """See `subscribe`."""

    def close(self) -> None:
        """Holds nothing."""

    def __enter__(self) -> InProcessChannel:
        return self

    def __exit__(self, *_details: object) -> None:
        self.close()
