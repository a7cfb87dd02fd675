"""Errors cross a call whole: reason, sentence, fields, when to come back."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from murmuration.v1.errors_pb2 import ErrorReason
from murmuration_server.platform import errors
from murmuration_server.platform.errors import DETAILS_METADATA, DOMAIN, MurmurationError, from_rpc
from murmuration_server.platform.inprocess import InProcessError

EVERY = [
    errors.InvalidField("text", "at most 280 characters"),
    errors.MalformedRequest(),
    errors.ActorRequired(),
    errors.UserNotFound("al\u00efce"),
    errors.TweetNotFound(2**62),
    errors.NotAllowed("Only its author can delete a post."),
    errors.Blocked(),
    errors.HandleTaken("alice"),
    errors.RequestIdReused(),
    errors.InvalidPageToken(),
    errors.FollowingLimit(5000),
    errors.Overloaded("the write queue", retry_after=0.25),
    errors.OutboxFull(),
    errors.Unavailable("the store"),
    errors.DeadlineExceeded(),
    errors.Internal("abc123"),
    MurmurationError(ErrorReason.ERROR_REASON_CANCELLED, "Cancelled."),
    MurmurationError(ErrorReason.ERROR_REASON_INVALID_FIELD, "Two.", fields=[("a", "b"), ("c[1].d", "")]),
]


class Plain(grpc.RpcError):
    """An error that no service of ours made."""

    def __init__(self, code: grpc.StatusCode, text: str | None, trailing: Any = None) -> None:
        super().__init__()
        self.code, self.details, self.trailing_metadata = (lambda: code), (lambda: text), (lambda: trailing)


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_an_error_comes_back_whole(error: MurmurationError) -> None:
    back = from_rpc(InProcessError(error))
    assert (back.reason, back.message, back.fields, back.retry_after, back.code) == (
        error.reason,
        error.message,
        error.fields,
        error.retry_after,
        error.code,
    )
    assert back.to_status() == error.to_status()


def test_every_reason_has_a_status() -> None:
    for name, reason in ErrorReason.items():
        if reason != ErrorReason.ERROR_REASON_UNSPECIFIED:
            assert MurmurationError(reason, name).code is not grpc.StatusCode.OK


def test_the_details_are_those_of_aip_193() -> None:
    error = errors.InvalidField("text", "too long")
    status = status_pb2.Status.FromString(error.to_status())
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert status.details[0].Unpack(info)
    assert status.details[1].Unpack(bad)
    assert (status.code, status.message) == (3, "text: too long")
    assert (info.domain, info.reason) == (DOMAIN, "ERROR_REASON_INVALID_FIELD")
    assert bad.field_violations[0].field == "text"


def test_only_what_says_something_is_in_the_details() -> None:
    assert len(status_pb2.Status.FromString(errors.Blocked().to_status()).details) == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED"),
        (grpc.StatusCode.CANCELLED, "CANCELLED"),
        (grpc.StatusCode.INTERNAL, "INTERNAL"),
        (grpc.StatusCode.UNKNOWN, "INTERNAL"),
        # An older server: it is newer soon.
        (grpc.StatusCode.UNIMPLEMENTED, "UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("trailing", [None, (), (("other", "x"),)])
def test_what_the_transport_says_has_a_reason_too(code: grpc.StatusCode, reason: str, trailing: Any) -> None:
    back = from_rpc(Plain(code, "socket closed", trailing))
    assert (ErrorReason.Name(back.reason), back.message) == (f"ERROR_REASON_{reason}", "socket closed")
    assert from_rpc(Plain(code, None, trailing)).message == code.name


@pytest.mark.parametrize(("domain", "name"), [("example.com", "ERROR_REASON_BLOCKED"), (DOMAIN, "FROM_THE_FUTURE")])
def test_foreign_and_future_reasons_leave_the_statuss_own(domain: str, name: str) -> None:
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(domain=domain, reason=name))
    status = status_pb2.Status(code=5, details=[info]).SerializeToString()
    back = from_rpc(Plain(grpc.StatusCode.UNAVAILABLE, "x", ((DETAILS_METADATA, status),)))
    assert back.reason == ErrorReason.ERROR_REASON_UNAVAILABLE
