"""A real server, the in-process channel and a gateway answer alike: the same bytes in, the same answer or error out."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import user_pb2, user_pb2_grpc
from murmuration.v1.errors_pb2 import ErrorReason
from murmuration_server.platform import errors
from murmuration_server.platform.call import Call, Priority
from murmuration_server.platform.channels import open_channel
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.errors import MurmurationError, from_rpc
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.reception import Reception
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.runtime.elastic_pool import waiting
from murmuration_server.platform.server import Dispatcher, grpc_server
from murmuration_server.platform.stubs import invoke
from tests.support.contract_threads import PATIENCE_SECONDS

USERS = user_pb2.DESCRIPTOR.services_by_name["UserService"]
GET_USER = "/murmuration.v1.UserService/GetUser"
SETTINGS = ServerSettings(default_deadline_seconds=7, max_deadline_seconds=9, max_concurrent_calls=2)
ROOMY = SETTINGS.model_copy(update={"max_concurrent_calls": 64, "peer_wait_ms": 60_000})
THREADS = 4

Metadata = tuple[tuple[str, str], ...]


@dataclass
class Servicer:
    """Answers as the test says, and remembers the calls."""

    answer: Callable[[Call, Any], Any] = lambda call, request: user_pb2.GetUserResponse()
    calls: list[Call] = field(default_factory=list)
    remaining: float = 0.0

    def GetUser(self, call: Call, request: Any) -> Any:
        self.calls.append(call)
        self.remaining = call.remaining()
        return self.answer(call, request)

    CreateUser = BatchGetUsers = GetUser


class Wire:
    """A channel of one kind onto the servicer, used with bare bytes."""

    def __init__(self, servicer: Servicer, kind: str, settings: ServerSettings = SETTINGS) -> None:
        self.servicer, self.runtime = servicer, ThreadRuntime()
        self.metrics = Metrics()
        self.dispatcher = Dispatcher(self.runtime, self.metrics, settings)
        self.dispatcher.bind(USERS, servicer)
        self._closing = ExitStack()
        if kind == "in process":
            self.channel: grpc.Channel = InProcessChannel(self.dispatcher)
            return
        target = self._serve(self.dispatcher, settings)
        if kind == "through a gateway":
            behind = open_channel(target, settings, retried=False)
            self._closing.callback(behind.close)
            self.metrics = Metrics()
            gateway = Dispatcher(self.runtime, self.metrics, settings)
            gateway.forward(USERS, behind)
            target = self._serve(gateway, settings)
        self.channel = grpc.insecure_channel(target, [("grpc.enable_http_proxy", 0)])

    def _serve(self, dispatcher: Dispatcher, settings: ServerSettings) -> str:
        """Answers the target."""
        server = grpc_server(dispatcher, settings, Reception(self.runtime, self.metrics, settings, THREADS))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        self._closing.callback(lambda: server.stop(None).wait(PATIENCE_SECONDS))
        return f"127.0.0.1:{port}"

    def send(
        self, payload: bytes = b"", metadata: Metadata = (), timeout: float | None = 30.0, path: str = GET_USER
    ) -> bytes:
        method = self.channel.unary_unary(path, lambda data: data, lambda data: data)
        answer: bytes = method(payload, timeout=timeout, metadata=metadata)
        return answer

    def refusal(self, *arguments: Any, **named: Any) -> MurmurationError:
        with pytest.raises(grpc.RpcError) as caught:
            self.send(*arguments, **named)
        return from_rpc(caught.value)

    def call_of(self, metadata: Metadata = (), timeout: float | None = 30.0) -> Call:
        """The call that the servicer gets."""
        self.send(metadata=metadata, timeout=timeout)
        return self.servicer.calls[-1]

    def close(self) -> None:
        self.channel.close()
        self._closing.close()


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture(params=["in process", "over gRPC", "through a gateway"])
def wire(request: pytest.FixtureRequest, servicer: Servicer) -> Iterator[Wire]:
    made = Wire(servicer, request.param)
    yield made
    made.close()


def reason(error: MurmurationError) -> str:
    return ErrorReason.Name(error.reason).removeprefix("ERROR_REASON_")


# Requests and answers


def test_a_message_comes_and_goes(wire: Wire, servicer: Servicer) -> None:
    servicer.answer = lambda call, request: user_pb2.GetUserResponse(user=user_pb2.User(user_id=request.user_id))
    answer = wire.send(user_pb2.GetUserRequest(user_id=7).SerializeToString())
    assert user_pb2.GetUserResponse.FromString(answer).user.user_id == 7


def test_an_answer_in_bytes_goes_out_as_it_is(wire: Wire, servicer: Servicer) -> None:
    # An unknown field, which parsing and serializing might move.
    data = b"\xa2\x06\x01x" + user_pb2.GetUserResponse(user=user_pb2.User(user_id=7)).SerializeToString()
    servicer.answer = lambda call, request: data
    assert wire.send() == data


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        b"\x08",
        b"\x12\x7fshort",
        b"\x12\x02\xff\xfe",  # a string that is no UTF-8
        b"\x0b\x0b\x0b",  # groups that do not end
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request_are_refused(wire: Wire, servicer: Servicer, payload: bytes) -> None:
    error = wire.refusal(payload)
    assert (error.code, reason(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED_REQUEST")
    assert servicer.calls == []


def test_an_empty_request_is_a_request(wire: Wire, servicer: Servicer) -> None:
    assert wire.send(b"") == b""
    assert len(servicer.calls) == 1


@pytest.mark.parametrize(
    "path", ["/murmuration.v1.UserService/Nope", "/nope.Nope/GetUser", "/murmuration.v1.UserService"]
)
def test_an_unknown_method_is_unimplemented(wire: Wire, path: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        wire.send(path=path)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# Errors


@pytest.mark.parametrize(
    "raised",
    [
        errors.InvalidField("text", "at most 280 characters"),
        errors.Overloaded("the write queue", retry_after=0.25),
        errors.UserNotFound("al\u00efce\n\U0001f426"),
        errors.RequestIdReused(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_ours_arrives_whole(wire: Wire, servicer: Servicer, raised: MurmurationError) -> None:
    def answer(call: Call, request: Any) -> None:
        raise raised

    servicer.answer = answer
    assert wire.refusal().to_status() == raised.to_status()


def test_what_is_unforeseen_is_internal_and_tells_nothing(
    wire: Wire, servicer: Servicer, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(call: Call, request: Any) -> None:
        raise ValueError("the secret is 42")

    servicer.answer = answer
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.RpcError) as caught:
        wire.send()
    error = from_rpc(caught.value)
    assert (error.code, reason(error)) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    told = repr((error.message, caught.value.details(), list(caught.value.trailing_metadata())))
    assert "secret" not in told
    assert "ValueError" not in told
    found = re.search(r"error ([0-9a-f]{12})\)", error.message)
    assert found is not None
    assert any(found[1] in record.message and record.exc_info for record in caplog.records), "the log has the id"


@pytest.mark.parametrize("wrong", [None, "text", object()])
def test_an_answer_that_is_none_is_internal(
    wire: Wire, servicer: Servicer, wrong: object, caplog: pytest.LogCaptureFixture
) -> None:
    servicer.answer = lambda call, request: wrong
    assert wire.refusal().code is grpc.StatusCode.INTERNAL


def test_calls_are_counted_by_method_and_code(wire: Wire, servicer: Servicer) -> None:
    wire.send()
    wire.refusal(b"\xff")
    text = wire.metrics.render().decode()
    for code in ("OK", "INVALID_ARGUMENT"):
        assert f'murmuration_rpc_seconds_count{{code="{code}",method="GetUser"}} 1.0' in text


# Who asks


@pytest.mark.parametrize(("value", "actor"), [("7", 7), (str(2**63 - 1), 2**63 - 1)])
def test_the_actor_is_named_in_the_metadata(wire: Wire, value: str, actor: int) -> None:
    call = wire.call_of((("murmuration-actor-id", value),))
    assert call.actor() == call.actor_id == actor


def test_nobody_is_nobody(wire: Wire, servicer: Servicer) -> None:
    servicer.answer = lambda call, request: call.actor()
    error = wire.refusal()
    assert (error.code, reason(error)) == (grpc.StatusCode.UNAUTHENTICATED, "ACTOR_REQUIRED")


@pytest.mark.parametrize(
    "value", ["", "0", "-1", "+1", "1.0", " 1", "1 2", "0x1", "1_000", "alice", str(2**63), "9" * 20, "9" * 5000]
)
def test_an_actor_that_is_no_id_is_refused(wire: Wire, servicer: Servicer, value: str) -> None:
    error = wire.refusal(metadata=(("murmuration-actor-id", value),))
    assert (error.code, reason(error)) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert error.fields[0][0] == "murmuration-actor-id"
    assert servicer.calls == []


def test_two_actors_are_refused(wire: Wire, servicer: Servicer) -> None:
    error = wire.refusal(metadata=(("murmuration-actor-id", "7"), ("murmuration-actor-id", "8")))
    assert reason(error) == "INVALID_FIELD"
    assert servicer.calls == []


@pytest.mark.parametrize(("value", "priority"), [("0", Priority.BACKGROUND), ("1", Priority.NORMAL), ("x", 1)])
def test_the_priority_comes_along(wire: Wire, value: str, priority: Priority) -> None:
    assert wire.call_of((("murmuration-priority", value),)).priority == priority


def test_request_id_and_trace_come_along(wire: Wire) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    call = wire.call_of((("murmuration-request-id", "abc123"), ("traceparent", trace)))
    assert (call.request_id, call.traceparent) == ("abc123", trace)


@pytest.mark.parametrize(
    ("key", "value"),
    [("murmuration-request-id", "a b; drop"), ("murmuration-request-id", ""), ("traceparent", "00-xyz-1-01")],
)
def test_what_is_no_request_id_or_trace_is_left_out(wire: Wire, key: str, value: str) -> None:
    call = wire.call_of(((key, value),))
    assert re.fullmatch("[0-9a-f]{16}", call.request_id)
    assert call.traceparent == ""


def test_a_request_id_is_cut(wire: Wire) -> None:
    assert wire.call_of((("murmuration-request-id", "a" * 1000),)).request_id == "a" * 64


# Until when


@pytest.mark.parametrize(("timeout", "least", "most"), [(None, 4, 7), (4.0, 0, 4), (8.0, 4, 8), (3600.0, 7, 9)])
def test_every_call_ends_in_time(wire: Wire, timeout: float | None, least: float, most: float) -> None:
    wire.send(timeout=timeout)
    # gRPC hands on some milliseconds too many.
    assert least < wire.servicer.remaining <= most + 0.1


def test_a_call_that_is_over_is_refused(wire: Wire) -> None:
    assert wire.refusal(timeout=-1.0).code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_time_that_is_over_elsewhere_is_the_same_error_here(wire: Wire, servicer: Servicer) -> None:
    """A page whose budget is used up in another service is short, and no error."""

    def answer(call: Call, request: Any) -> None:
        raise errors.DeadlineExceeded

    servicer.answer = answer
    assert isinstance(wire.refusal(), errors.DeadlineExceeded)


@pytest.mark.parametrize("timeout", [0.0, -1.0])
def test_a_call_that_is_over_is_not_made(servicer: Servicer, timeout: float) -> None:
    """gRPC may still make it, with some milliseconds on top."""
    assert Wire(servicer, "in process").refusal(timeout=timeout).code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert servicer.calls == []


def test_a_stub_call_hands_the_call_on(wire: Wire, servicer: Servicer) -> None:
    stub = user_pb2_grpc.UserServiceStub(wire.channel)
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    runtime = ThreadRuntime()
    sent = Call(42, runtime.monotonic() + 8, runtime, Priority.BACKGROUND, "abc", trace)
    invoke(sent, stub.GetUser, user_pb2.GetUserRequest())
    [got] = servicer.calls
    assert (got.actor_id, got.priority, got.request_id, got.traceparent) == (42, Priority.BACKGROUND, "abc", trace)
    assert got.deadline <= sent.deadline + 0.1

    def answer(call: Call, request: Any) -> None:
        raise errors.UserNotFound(7)

    servicer.answer = answer
    with pytest.raises(MurmurationError) as caught:
        invoke(sent, stub.GetUser, user_pb2.GetUserRequest())
    assert reason(caught.value) == "USER_NOT_FOUND"


def test_a_stub_call_without_time_is_not_made(wire: Wire, servicer: Servicer) -> None:
    runtime = ThreadRuntime()
    with pytest.raises(errors.DeadlineExceeded):
        invoke(Call(0, runtime.monotonic() - 1, runtime), wire.channel.unary_unary(GET_USER), b"")
    assert servicer.calls == []


# What only one of them does


@pytest.fixture
def server(servicer: Servicer) -> Iterator[Wire]:
    made = Wire(servicer, "over gRPC")
    yield made
    made.close()


def test_as_many_calls_work_at_a_time_as_it_has_threads(servicer: Servicer) -> None:
    """However many threads wait beside them, for requests or for what they work on."""
    working, most, lock = 0, 0, threading.Lock()

    def answer(call: Call, request: Any) -> bytes:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        with waiting():
            call.runtime.sleep(0.01)
        with lock:
            working -= 1
        return b""

    servicer.answer = answer
    wire = Wire(servicer, "over gRPC", ROOMY)
    with ThreadPoolExecutor(32) as callers:
        list(callers.map(lambda _: wire.send(), range(32)))
    wire.close()
    assert most == THREADS


def test_a_server_over_its_limit_refuses_at_once(server: Wire, servicer: Servicer) -> None:
    arrived, go_on = threading.Semaphore(0), threading.Event()

    def answer(call: Call, request: Any) -> bytes:
        arrived.release()
        assert go_on.wait(PATIENCE_SECONDS)
        return b""

    servicer.answer = answer
    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(server.send, timeout=PATIENCE_SECONDS) for _ in range(2)]
        assert all(arrived.acquire(timeout=PATIENCE_SECONDS) for _ in range(2))
        refused = server.refusal()
        go_on.set()
        assert [future.result(PATIENCE_SECONDS) for future in futures] == [b"", b""]
    assert (refused.code, reason(refused)) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")


def test_a_message_over_the_limit_is_refused(server: Wire, servicer: Servicer) -> None:
    error = server.refusal(b"x" * (SETTINGS.max_message_bytes + 1))
    assert error.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert servicer.calls == []


def test_streams_do_not_go_through_the_in_process_channel(servicer: Servicer) -> None:
    channel = Wire(servicer, "in process").channel
    for kind in (channel.unary_stream, channel.stream_unary, channel.stream_stream):
        with pytest.raises(TypeError, match="unary"):
            kind("/x/y")(b"")


def test_servicers_are_bound_after_stubs_are_made(servicer: Servicer) -> None:
    runtime = ThreadRuntime()
    dispatcher = Dispatcher(runtime, Metrics(), SETTINGS)
    stub = user_pb2_grpc.UserServiceStub(InProcessChannel(dispatcher))
    call = Call.background(runtime)
    with pytest.raises(MurmurationError):
        invoke(call, stub.GetUser, user_pb2.GetUserRequest())
    dispatcher.bind(USERS, servicer)
    assert invoke(call, stub.GetUser, user_pb2.GetUserRequest()) == user_pb2.GetUserResponse()


def test_a_servicer_that_lacks_a_method_is_not_bound() -> None:
    with pytest.raises(AttributeError, match=r"CreateUser|GetUser"):
        Dispatcher(ThreadRuntime(), Metrics(), SETTINGS).bind(USERS, object())


class Importer:
    """Reads a stream of requests."""

    def __init__(self) -> None:
        self.remaining = 0.0

    def __getattr__(self, name: str) -> Any:
        return lambda call, request: b""

    def ImportGraph(self, call: Call, requests: Iterator[Any]) -> Any:
        self.remaining = call.remaining()
        return admin_pb2.ImportGraphResponse(users_created=sum(len(list(request.ListFields())) for request in requests))


@pytest.fixture
def imports(server: Wire) -> tuple[Importer, Any]:
    importer = Importer()
    service = admin_pb2.DESCRIPTOR.services_by_name["AdminService"]
    server.dispatcher.bind(service, importer)
    path = f"/{service.full_name}/ImportGraph"
    return importer, server.channel.stream_unary(path, lambda data: data, admin_pb2.ImportGraphResponse.FromString)


def test_a_stream_of_requests_is_read_as_it_comes(imports: tuple[Importer, Any]) -> None:
    importer, send = imports
    assert send(iter([b""] * 3), timeout=600).users_created == 0
    assert importer.remaining > SETTINGS.max_deadline_seconds, "an import has longer"


def test_a_stream_that_is_broken_half_way_is_refused(imports: tuple[Importer, Any]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        imports[1](iter([b"", b"\xff", b""]), timeout=30)
    assert reason(from_rpc(caught.value)) == "MALFORMED_REQUEST"


def test_a_stream_that_waits_for_its_next_message_lets_others_work(servicer: Servicer) -> None:
    wire = Wire(servicer, "over gRPC", ROOMY)
    service = admin_pb2.DESCRIPTOR.services_by_name["AdminService"]
    wire.dispatcher.bind(service, Importer())
    under_way, go_on = [threading.Event() for _ in range(THREADS)], threading.Event()

    def messages(sent: threading.Event) -> Iterator[bytes]:
        yield b""
        sent.set()
        assert go_on.wait(PATIENCE_SECONDS)

    method = wire.channel.stream_unary(f"/{service.full_name}/ImportGraph")
    streams = [method.future(messages(sent), timeout=PATIENCE_SECONDS) for sent in under_way]
    assert all(sent.wait(PATIENCE_SECONDS) for sent in under_way)
    assert wire.send() == b""
    go_on.set()
    for stream in streams:
        stream.result()
    wire.close()


def test_what_is_at_hand_waits_for_nobodys_turn(servicer: Servicer) -> None:
    wire = Wire(servicer, "over gRPC", ROOMY)
    under_way, go_on = threading.Semaphore(0), threading.Event()

    def wait(call: Call, request: Any) -> bytes:
        under_way.release()
        assert go_on.wait(PATIENCE_SECONDS)
        return b""

    servicer.answer = wait
    wire.dispatcher.bind(USERS, servicer, {"GetUser": lambda call, request: b"at hand" if request.user_id else None})
    at_hand = user_pb2.GetUserRequest(user_id=7).SerializeToString()
    with ThreadPoolExecutor(THREADS) as callers:
        waiting = [callers.submit(wire.send, b"") for _ in range(THREADS)]
        assert all(under_way.acquire(timeout=PATIENCE_SECONDS) for _ in range(THREADS))
        assert wire.send(at_hand, timeout=10.0) == b"at hand"
        go_on.set()
        assert [one.result() for one in waiting] == [b""] * THREADS
    wire.close()


def test_a_server_that_is_stopping_says_so(wire: Wire, servicer: Servicer) -> None:
    def answer(call: Call, request: Any) -> bytes:
        wire.dispatcher.drain(come_back=0.25)
        return b""

    servicer.answer = answer
    assert wire.send() == b"", "what was under way goes on"
    error = wire.refusal()
    assert (error.code, reason(error)) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert error.retry_after == 0.25
    assert len(servicer.calls) == 1
