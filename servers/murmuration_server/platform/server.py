"""From bytes to a servicer and back: parse, make the `Call`, run, translate errors, count. Used by real servers and by
the in-process channel alike, so both answer the same."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import Histogram

from murmuration_server.platform.call import (
    FALL_BACK_METADATA,
    PRIORITY_METADATA,
    REQUEST_METADATA,
    TRACE_METADATA,
    Call,
    Priority,
)
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
from murmuration_server.platform.reception import Reception
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.runtime.elastic_pool import BASE, ElasticPool
from murmuration_server.platform.stubs import invoke

log = logging.getLogger(__name__)

AtHand = Callable[[Call, Any], bytes | None]
"""(call, request) to the answer where nothing has to be waited for, else None."""
Metadata = Sequence[tuple[str, str | bytes]]
PUSHBACK_METADATA = "grpc-retry-pushback-ms"
NO_DEADLINE = 1e9
"""Seconds: more than this left is how gRPC says that a call has no deadline."""
KEEPALIVE_MS = 60_000
KEEPALIVE_TIMEOUT_MS = 20_000
_INTERNAL = "/murmuration.internal."
"""What paths begin with that other roles call, and nobody else."""
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class _Method:
    """`request_class`: None where requests are taken as bytes. `falls_back`: whether it is run again, for what is at
    hand, where something does not answer."""

    path: str
    request_class: type[Message] | None
    streams_requests: bool
    run: Callable[[Call, Any], Message | bytes]
    at_hand: AtHand | None = None
    falls_back: bool = False


class Dispatcher:
    """All methods that a process serves, by path.

    Servicers have a method `Name(call, request)` for each RPC; it answers a message, or its bytes where it has them.
    """

    def __init__(self, runtime: Runtime, metrics: Metrics, settings: ServerSettings) -> None:
        self._runtime, self._metrics, self._settings = runtime, metrics, settings
        self._methods: dict[str, _Method] = {}
        self._seconds: dict[tuple[str, str], Histogram] = {}
        self._come_back: float | None = None

    def bind(
        self,
        descriptor: ServiceDescriptor,
        servicer: object,
        at_hand: Mapping[str, AtHand] | None = None,
        falling_back: Collection[str] = (),
    ) -> None:
        """`at_hand`: by the method's name, what is asked before its turn. `falling_back`: names of the reads that are
        better answered by one replica than not at all. Raises AttributeError where the servicer lacks a method of the
        service."""
        for method in descriptor.methods:
            path = f"/{descriptor.full_name}/{method.name}"
            request_class = GetMessageClass(method.input_type)
            run = getattr(servicer, method.name)
            first = (at_hand or {}).get(method.name)
            self._methods[path] = _Method(
                path, request_class, bool(method.client_streaming), run, first, method.name in falling_back
            )

    def forward(self, descriptor: ServiceDescriptor, channel: grpc.Channel) -> None:
        """Hands the calls of a service on as they are, with their deadline and what they carry of the metadata."""
        for method in descriptor.methods:
            path = f"/{descriptor.full_name}/{method.name}"
            streams = bool(method.client_streaming)
            stub = channel.stream_unary(path) if streams else channel.unary_unary(path)
            self._methods[path] = _Method(path, None, streams, functools.partial(_hand_on, stub))

    def include(self, other: Dispatcher) -> None:
        """Serves what the other serves by now as well. Each drains by itself."""
        self._methods |= other._methods

    def drain(self, come_back: float) -> None:
        """Refuses new calls as UNAVAILABLE from now on, to be made again after so many seconds; calls under way go
        on."""
        self._come_back = come_back

    def method(self, path: str) -> _Method | None:
        return self._methods.get(path)

    def invoke(
        self,
        method: _Method,
        payload: bytes | Iterator[bytes] | None,
        metadata: Metadata,
        timeout: float | None,
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> bytes:
        """Runs one call. Raises `MurmurationError` and nothing else. `payload`: None where the caller sent none.
        `turn`: entered where the answer is not at hand."""
        started = self._runtime.monotonic()
        code = "OK"
        try:
            if self._come_back is not None:
                raise Unavailable("this process (it is stopping)", self._come_back)
            call = self._make_call(metadata, timeout, method)
            request: object
            if method.streams_requests:
                request = self._parse_stream(method, cast(Iterator[bytes], payload))
            else:
                request = _parse(method, cast("bytes | None", payload))
            answer: Message | bytes | None = method.at_hand(call, request) if method.at_hand else None
            if answer is None:
                with turn():
                    answer = _run(method, call, request)
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

    def _parse_stream(self, method: _Method, payloads: Iterable[bytes]) -> Iterator[Message | bytes]:
        for payload in payloads:
            yield _parse(method, payload)

    def _make_call(self, metadata: Metadata, timeout: float | None, method: _Method) -> Call:
        actor, priority, request_id, traceparent, may_fall_back = 0, Priority.NORMAL, "", "", False
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
            elif key == FALL_BACK_METADATA:
                may_fall_back = method.path.startswith(_INTERNAL)
        seconds = self._settings.default_deadline_seconds if timeout is None or timeout > NO_DEADLINE else timeout
        if seconds <= 0:
            raise DeadlineExceeded
        most = self._settings.max_stream_seconds if method.streams_requests else self._settings.max_deadline_seconds
        deadline = self._runtime.monotonic() + min(seconds, most)
        if not request_id:
            request_id = f"{self._runtime.random.getrandbits(64):016x}"
        return Call(actor, deadline, self._runtime, priority, request_id, traceparent, may_fall_back=may_fall_back)


def _run(method: _Method, call: Call, request: object) -> Message | bytes:
    try:
        return method.run(call, request)
    except MurmurationError as error:
        if not method.falls_back or error.code is not grpc.StatusCode.UNAVAILABLE:
            raise
        try:
            return method.run(call.falling_back(), request)
        except MurmurationError:
            # What one replica does not have may be there all the same.
            raise error from None


def _actor(value: str | bytes) -> int:
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else value
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or not 0 < int(text) < 2**63:
        raise InvalidField(ACTOR_METADATA, "must be a user id")
    return int(text)


def _hand_on(stub: Any, call: Call, request: object) -> bytes:
    answer: bytes = invoke(call, stub, request)
    return answer


def _parse(method: _Method, payload: bytes | None) -> Message | bytes:
    if payload is None:
        raise MalformedRequest
    if method.request_class is None:
        return payload
    request = method.request_class()
    try:
        request.ParseFromString(payload)
    except DecodeError as error:
        raise MalformedRequest from error
    return request


class _GenericHandler(grpc.GenericRpcHandler):
    def __init__(self, dispatcher: Dispatcher, reception: Reception) -> None:
        self._dispatcher, self._reception = dispatcher, reception

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        method = self._dispatcher.method(handler_call_details.method)
        if method is None:
            return None

        # Also where one request is wanted: gRPC's unary handlers wait for it where nobody can end the waiting.
        return grpc.stream_unary_rpc_method_handler(functools.partial(self._run, method))

    def _run(self, method: _Method, payloads: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        payload: bytes | Iterator[bytes] | None
        if method.streams_requests:
            payload = self._reception.messages(payloads, context)
        else:
            payload = self._reception.receive(payloads, context)
        error: MurmurationError | None = None
        answer = b""
        try:
            metadata = cast(Metadata, context.invocation_metadata())
            remaining = context.time_remaining()
            answer = self._dispatcher.invoke(method, payload, metadata, remaining, self._reception.turn)
        except MurmurationError as raised:
            error = raised
        self._reception.answered(context)
        if error is not None:
            context.set_trailing_metadata(_trailing(error))
            # An answer without a message: with one, even an empty one, gRPC would not let the caller try again.
            context.abort(error.code, error.message)
        return answer


def _trailing(error: MurmurationError) -> tuple[tuple[str, str | bytes], ...]:
    """What goes with a refusal: the whole of it, and when gRPC shall try again, where a caller's policy says that it
    does for this code."""
    whole = (DETAILS_METADATA, error.to_status())
    if error.retry_after is None:
        return (whole,)
    return whole, (PUSHBACK_METADATA, str(int(error.retry_after * 1000)))


def grpc_server(
    dispatcher: Dispatcher, settings: ServerSettings, reception: Reception, *, shares_port: bool = False
) -> grpc.Server:
    """A server that is not started and has no port yet. Over its concurrency limit it refuses at once. `reception` is
    the server's own, and somebody has to go on calling its `run_once`. `shares_port`: with other processes, among which
    the kernel spreads the connections."""
    options = [
        ("grpc.max_receive_message_length", settings.max_message_bytes),
        ("grpc.max_metadata_size", settings.max_metadata_bytes),
        # Without it this would be a quarter more, and what lies between would be refused at random.
        ("grpc.absolute_max_metadata_size", settings.max_metadata_bytes),
        ("grpc.max_concurrent_streams", settings.max_streams_per_connection),
        ("grpc.max_allowed_incoming_connections", settings.max_connections),
        ("grpc.max_connection_idle_ms", int(settings.max_idle_seconds * 1000)),
        # From the connection until HTTP/2 is agreed on; its own handshake timeout ends before the last step of that.
        ("grpc.http2.settings_timeout", settings.peer_wait_ms),
        # A peer that is gone without a word is noticed; callers may ask the same of us.
        ("grpc.keepalive_time_ms", KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.max_connection_age_ms", int(settings.max_connection_age_seconds * 1000)),
        ("grpc.max_connection_age_grace_ms", int(settings.max_stream_seconds * 1000)),
        ("grpc.so_reuseport", int(shares_port)),
    ]
    pool = ElasticPool(BASE, reception.pool_threads, "grpc")
    server = grpc.server(
        cast(ThreadPoolExecutor, pool), options=options, maximum_concurrent_rpcs=settings.max_concurrent_calls
    )
    server.add_generic_rpc_handlers((_GenericHandler(dispatcher, reception),))
    return server


def plain_server(threads: int, name: str) -> grpc.Server:
    """For what stands beside the services and is asked by few: it is not started and has no port yet."""
    return grpc.server(ThreadPoolExecutor(threads, thread_name_prefix=name), options=[("grpc.so_reuseport", 0)])
