"""From bytes to a servicer and back: parse, make the `Call`, run, translate errors, count. Used by real servers and by
the in-process channel alike, so both answer the same."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import Histogram

from murmuration_server.platform.call import PRIORITY_METADATA, REQUEST_METADATA, TRACE_METADATA, Call, Priority
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.errors import (
    ACTOR_METADATA,
    DETAILS_METADATA,
    DeadlineExceeded,
    Internal,
    InvalidField,
    MalformedRequest,
    MurmurationError,
    Unavailable,
)
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime

log = logging.getLogger(__name__)

Metadata = Sequence[tuple[str, str | bytes]]
NO_DEADLINE = 1e9
"""Seconds: more than this left is how gRPC says that a call has no deadline."""
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class _Method:
    path: str
    request_class: type[Message]
    streams_requests: bool
    run: Callable[[Call, Any], Message | bytes]


class Dispatcher:
    """All methods that a process serves, by path.

    Servicers have a method `Name(call, request)` for each RPC; it answers a message, or its bytes where it has them.
    """

    def __init__(self, runtime: Runtime, metrics: Metrics, settings: ServerSettings) -> None:
        self._runtime, self._metrics, self._settings = runtime, metrics, settings
        self._methods: dict[str, _Method] = {}
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self._draining = False

    def bind(self, descriptor: ServiceDescriptor, servicer: object) -> None:
        """Raises AttributeError where the servicer lacks a method of the service."""
        for method in descriptor.methods:
            path = f"/{descriptor.full_name}/{method.name}"
            request_class = GetMessageClass(method.input_type)
            run = getattr(servicer, method.name)
            self._methods[path] = _Method(path, request_class, bool(method.client_streaming), run)

    def drain(self) -> None:
        """Refuses new calls as UNAVAILABLE from now on; calls under way go on."""
        self._draining = True

    def method(self, path: str) -> _Method | None:
        return self._methods.get(path)

    def invoke(
        self, method: _Method, payload: bytes | Iterator[bytes], metadata: Metadata, timeout: float | None
    ) -> bytes:
        """Runs one call. Raises `MurmurationError` and nothing else."""
        started = self._runtime.monotonic()
        code = "OK"
        try:
            if self._draining:
                raise Unavailable("this process (it is stopping)")
            call = self._make_call(metadata, timeout, method)
            request: object
            if method.streams_requests:
                request = self._parse_stream(method, cast(Iterator[bytes], payload))
            else:
                request = _parse(method, cast(bytes, payload))
            answer = method.run(call, request)
            return answer if isinstance(answer, bytes) else answer.SerializeToString()
        except MurmurationError as error:
            code = error.code.name
            raise
        except Exception as error:
            code = grpc.StatusCode.INTERNAL.name
            error_id = self._runtime.token(6).hex()
            log.exception("error %s in %s", error_id, method.path)
            raise Internal(error_id) from error
        finally:
            self._observe(method, code, self._runtime.monotonic() - started)

    def _observe(self, method: _Method, code: str, seconds: float) -> None:
        histogram = self._seconds.get((method.path, code))
        if histogram is None:
            histogram = self._metrics.rpc_seconds.labels(method.path.rpartition("/")[2], code)
            self._seconds[method.path, code] = histogram
        histogram.observe(seconds)

    def _parse_stream(self, method: _Method, payloads: Iterable[bytes]) -> Iterator[Message]:
        for payload in payloads:
            yield _parse(method, payload)

    def _make_call(self, metadata: Metadata, timeout: float | None, method: _Method) -> Call:
        actor, priority, request_id, traceparent = 0, Priority.NORMAL, "", ""
        for key, value in metadata:
            if key == ACTOR_METADATA:
                if actor:
                    raise InvalidField(ACTOR_METADATA, "must be named once")
                actor = _actor(value)
            elif key == PRIORITY_METADATA:
                priority = Priority.BACKGROUND if value == "0" else Priority.NORMAL
            elif key == REQUEST_METADATA and isinstance(value, str) and value.isascii() and value.isalnum():
                request_id = value[:64]
            elif key == TRACE_METADATA and isinstance(value, str) and _TRACEPARENT.fullmatch(value):
                traceparent = value
        seconds = self._settings.default_deadline_seconds if timeout is None or timeout > NO_DEADLINE else timeout
        if seconds <= 0:
            raise DeadlineExceeded
        most = self._settings.max_stream_seconds if method.streams_requests else self._settings.max_deadline_seconds
        deadline = self._runtime.monotonic() + min(seconds, most)
        if not request_id:
            request_id = f"{self._runtime.random.getrandbits(64):016x}"
        return Call(actor, deadline, self._runtime, priority, request_id, traceparent)


def _actor(value: str | bytes) -> int:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or not 0 < int(text) < 2**63:
        raise InvalidField(ACTOR_METADATA, "must be a user id")
    return int(text)


def _parse(method: _Method, payload: bytes) -> Message:
    request = method.request_class()
    try:
        request.ParseFromString(payload)
    except DecodeError as error:
        raise MalformedRequest from error
    return request


class _GenericHandler(grpc.GenericRpcHandler):
    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = self._dispatcher.method(handler_call_details.method)
        if method is None:
            return None

        def run(payload: Any, context: grpc.ServicerContext) -> bytes:
            try:
                return self._dispatcher.invoke(
                    method, payload, cast(Metadata, context.invocation_metadata()), context.time_remaining()
                )
            except MurmurationError as error:
                context.set_trailing_metadata(((DETAILS_METADATA, error.to_status()),))
                context.set_code(error.code)
                context.set_details(error.message)
                return b""

        make = grpc.stream_unary_rpc_method_handler if method.streams_requests else grpc.unary_unary_rpc_method_handler
        return make(run)


def grpc_server(dispatcher: Dispatcher, settings: ServerSettings, threads: int) -> grpc.Server:
    """A server that is not started and has no port yet. Over its concurrency limit it refuses at once."""
    options = [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", 16 * 1024),
        ("grpc.so_reuseport", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
    ]
    pool = ThreadPoolExecutor(threads, thread_name_prefix="grpc")
    server = grpc.server(pool, options=options, maximum_concurrent_rpcs=settings.max_concurrent_calls)
    server.add_generic_rpc_handlers((_GenericHandler(dispatcher),))
    return server
