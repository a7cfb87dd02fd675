"""A real gRPC server on loopback whose answers a test writes, and a record of what reached it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import any_pb2, descriptor_pool
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from murmuration_client import Client

Answer = Message | Callable[[Any, grpc.ServicerContext], Message]


@dataclass
class Received:
    """One attempt as the server saw it. request: a message, or a list of them for a client stream."""

    request: Any
    metadata: dict[str, str | bytes]
    seconds_left: float | None


@dataclass
class ScriptedServer(grpc.GenericRpcHandler):
    target: str = ""
    received: dict[str, list[Received]] = field(default_factory=dict)
    _answers: dict[str, list[Answer]] = field(default_factory=dict)

    def on(self, method: str, *answers: Answer) -> None:
        """What the method answers, attempt by attempt; the last answer stands for all later ones."""
        self._answers[method] = list(answers)

    def requests(self, method: str) -> list[Any]:
        return [each.request for each in self.received.get(method, [])]

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        service, method = handler_call_details.method.lstrip("/").split("/")
        if method not in self._answers:
            return None
        descriptor = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
        parse = GetMessageClass(descriptor.input_type).FromString

        def run(arrived: Any, context: grpc.ServicerContext) -> bytes:
            request = list(arrived) if descriptor.client_streaming else arrived
            attempts = self.received.setdefault(method, [])
            attempts.append(Received(request, dict(context.invocation_metadata()), context.time_remaining()))
            answers = self._answers[method]
            answer = answers[min(len(attempts), len(answers)) - 1]
            message = answer if isinstance(answer, Message) else answer(request, context)
            return message.SerializeToString()

        make = (
            grpc.stream_unary_rpc_method_handler if descriptor.client_streaming else grpc.unary_unary_rpc_method_handler
        )
        return make(run, request_deserializer=parse)


@contextmanager
def serving() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool, handlers=[scripted], options=[("grpc.so_reuseport", 0)])
        scripted.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            yield scripted
        finally:
            server.stop(None).wait()


@contextmanager
def connected(**options: Any) -> Iterator[tuple[ScriptedServer, Client]]:
    with serving() as server, Client(server.target, **options) as client:
        yield server, client


def refusal(
    code: grpc.StatusCode,
    reason: str,
    message: str = "No.",
    *,
    domain: str = "murmuration",
    metadata: dict[str, str] | None = None,
    fields: Sequence[tuple[str, str]] = (),
    retry_after: Duration | None = None,
) -> Callable[[Any, grpc.ServicerContext], Message]:
    """An answer that fails as AIP-193 wants it."""
    parts: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata=metadata)]
    if fields:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=name, description=text) for name, text in fields
        ]
        parts.append(error_details_pb2.BadRequest(field_violations=violations))
    if retry_after is not None:
        parts.append(error_details_pb2.RetryInfo(retry_delay=retry_after))
    status = status_pb2.Status(code=code.value[0], message=message, details=[_packed(part) for part in parts])
    return bare_refusal(code, message, status.SerializeToString())


def bare_refusal(
    code: grpc.StatusCode, message: str = "No.", details: bytes | None = None
) -> Callable[[Any, grpc.ServicerContext], Message]:
    """An answer that fails with nothing but a status, or with these bytes for its details."""

    def refuse(_request: Any, context: grpc.ServicerContext) -> Message:
        if details is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, message)
        raise AssertionError("abort raises")

    return refuse


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed
