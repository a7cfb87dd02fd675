"""Failures become errors that callers can branch on, whoever made them: our server, gRPC, or a stranger."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from murmuration.v1 import user_pb2
from murmuration.v1.errors_pb2 import ErrorReason
from murmuration_client import (
    ActorRequired,
    AlreadyExists,
    Cancelled,
    Client,
    DeadlineExceeded,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    LimitReached,
    MurmurationError,
    NoServer,
    NotAllowed,
    NotFound,
    Overloaded,
    Unavailable,
)
from murmuration_client.advice import ADVICE
from tests.unit.test_client_support import ScriptedServer, bare_refusal, connected, refusal

CLASSES = [
    (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", InvalidArgument),
    (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND", NotFound),
    (grpc.StatusCode.ALREADY_EXISTS, "HANDLE_TAKEN", AlreadyExists),
    (grpc.StatusCode.PERMISSION_DENIED, "BLOCKED", NotAllowed),
    (grpc.StatusCode.UNAUTHENTICATED, "ACTOR_REQUIRED", ActorRequired),
    (grpc.StatusCode.FAILED_PRECONDITION, "FOLLOWING_LIMIT", LimitReached),
    (grpc.StatusCode.FAILED_PRECONDITION, "NO_CACHE_RING", FailedPrecondition),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "OUTBOX_FULL", Overloaded),
    (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", Unavailable),
    (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", DeadlineExceeded),
    (grpc.StatusCode.CANCELLED, "CANCELLED", Cancelled),
    (grpc.StatusCode.INTERNAL, "INTERNAL", InternalError),
    (grpc.StatusCode.DATA_LOSS, "OF_A_LATER_RELEASE", MurmurationError),
]


@pytest.fixture
def pair() -> Iterator[tuple[ScriptedServer, Client]]:
    with connected() as (server, client):
        yield server, client


def failure(client: Client) -> MurmurationError:
    with pytest.raises(MurmurationError) as caught:
        client.get_user(7)
    return caught.value


def test_every_reason_has_its_advice_and_no_other_has() -> None:
    assert set(ADVICE) == {name.removeprefix("ERROR_REASON_") for name in ErrorReason.keys()}
    assert all(advice.endswith(".") for advice in ADVICE.values())


@pytest.mark.parametrize(("code", "reason", "kind"), CLASSES, ids=[reason for _, reason, _ in CLASSES])
def test_an_error_of_the_server_crosses_whole(
    pair: tuple[ScriptedServer, Client], code: grpc.StatusCode, reason: str, kind: type[MurmurationError]
) -> None:
    server, client = pair
    server.on(
        "GetUser",
        refusal(
            code,
            f"ERROR_REASON_{reason}",
            "What went wrong.",
            metadata={"limit": "5000"},
            fields=[("handle", "too long"), ("name", "too short")],
            retry_after=Duration(seconds=1, nanos=500_000_000),
        ),
    )
    error = failure(client)
    assert type(error) is kind
    assert (error.reason, error.code, error.message, str(error)) == (
        reason,
        code,
        "What went wrong.",
        "What went wrong.",
    )
    assert error.field_violations == [("handle", "too long"), ("name", "too short")]
    assert error.metadata == {"limit": "5000"}
    assert error.retry_after == 1.5
    assert error.advice == ADVICE.get(reason, ADVICE["UNSPECIFIED"])
    assert isinstance(error.__cause__, grpc.RpcError)


def test_an_error_survives_pickling(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", refusal(grpc.StatusCode.NOT_FOUND, "ERROR_REASON_USER_NOT_FOUND", metadata={"a": "b"}))
    error = failure(client)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is NotFound
    assert copy.__dict__ == error.__dict__
    assert str(copy) == str(error)


def test_reasons_of_other_domains_are_not_ours(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", refusal(grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND", domain="proxy.example.org"))
    error = failure(client)
    assert (type(error), error.reason) == (NotFound, "UNSPECIFIED")


@pytest.mark.parametrize("details", [b"", b"\xff\xff\xff", b"\x1a\x02\x0a\x05"], ids=["empty", "garbage", "cut off"])
def test_broken_details_take_nothing_from_the_status(pair: tuple[ScriptedServer, Client], details: bytes) -> None:
    server, client = pair
    server.on("GetUser", bare_refusal(grpc.StatusCode.PERMISSION_DENIED, "Go away.", details))
    error = failure(client)
    assert (type(error), error.reason) == (NotAllowed, "UNSPECIFIED")
    assert "Go away." in error.message


def test_a_full_pool_that_grpc_itself_refuses_for_is_overload(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("GetUser", bare_refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!"))
    error = failure(client)
    assert (type(error), error.reason, error.retry_after) == (Overloaded, "OVERLOADED", None)


def test_a_message_over_the_limit_is_no_overload(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("CreateTweet", bare_refusal(grpc.StatusCode.INTERNAL))
    with pytest.raises(InvalidArgument, match="too large") as caught:
        client.create_tweet("x" * 5_000_000)
    assert caught.value.reason == "MALFORMED_REQUEST"


def test_a_call_that_the_server_lacks(pair: tuple[ScriptedServer, Client]) -> None:
    _, client = pair
    error = failure(client)
    assert (type(error), error.code) == (MurmurationError, grpc.StatusCode.UNIMPLEMENTED)
    assert "does not know this call" in error.message


def test_no_answer_in_time(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair

    def never(_request: object, context: grpc.ServicerContext) -> user_pb2.GetUserResponse:
        from threading import Event

        ended = Event()
        if context.add_callback(ended.set):
            ended.wait(10)
        return user_pb2.GetUserResponse()

    server.on("GetUser", never)
    error = failure(client.with_timeout(0.1))
    assert (type(error), error.reason) == (DeadlineExceeded, "DEADLINE_EXCEEDED")
    assert error.message == f"No answer from {client.target} within 0.1 s."


def test_nobody_listens() -> None:
    with socket.socket() as bound:  # bound and not listening: nobody else can take the port
        bound.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{bound.getsockname()[1]}"
        with Client(target) as client:
            error = failure(client)
    assert type(error) is NoServer
    assert isinstance(error, Unavailable)
    assert error.reason == "UNAVAILABLE"
    assert error.message == f"No server answers at {target}; start one with `murmurd up`."


def test_a_name_that_nobody_has() -> None:
    with Client("murmuration.invalid:7700") as client:
        assert "murmuration.invalid:7700 cannot be resolved" in failure(client).message
