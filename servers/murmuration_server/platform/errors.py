"""The one error type that crosses rules, ports and RPCs whole, and its table of reasons to gRPC statuses (AIP-193)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from murmuration.v1.errors_pb2 import ErrorReason

DOMAIN = "murmuration"
ACTOR_METADATA = "murmuration-actor-id"
DETAILS_METADATA = "grpc-status-details-bin"

_STATUS: dict[ErrorReason.ValueType, grpc.StatusCode] = {
    ErrorReason.ERROR_REASON_INVALID_FIELD: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.ERROR_REASON_MALFORMED_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.ERROR_REASON_ACTOR_REQUIRED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorReason.ERROR_REASON_NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorReason.ERROR_REASON_USER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorReason.ERROR_REASON_TWEET_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorReason.ERROR_REASON_HANDLE_TAKEN: grpc.StatusCode.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_REQUEST_ID_REUSED: grpc.StatusCode.ALREADY_EXISTS,
    ErrorReason.ERROR_REASON_INVALID_PAGE_TOKEN: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorReason.ERROR_REASON_BLOCKED: grpc.StatusCode.PERMISSION_DENIED,
    ErrorReason.ERROR_REASON_FOLLOWING_LIMIT: grpc.StatusCode.FAILED_PRECONDITION,
    ErrorReason.ERROR_REASON_OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorReason.ERROR_REASON_OUTBOX_FULL: grpc.StatusCode.RESOURCE_EXHAUSTED,
    ErrorReason.ERROR_REASON_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED: grpc.StatusCode.DEADLINE_EXCEEDED,
    ErrorReason.ERROR_REASON_INTERNAL: grpc.StatusCode.INTERNAL,
    ErrorReason.ERROR_REASON_CANCELLED: grpc.StatusCode.CANCELLED,
    ErrorReason.ERROR_REASON_DEAD_LETTER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    ErrorReason.ERROR_REASON_NO_CACHE_RING: grpc.StatusCode.FAILED_PRECONDITION,
}
_REASON_OF_STATUS = {status: reason for reason, status in reversed(_STATUS.items())}


class MurmurationError(Exception):
    """A reason of `ErrorReason`, a sentence, and what AIP-193 lets a caller act on."""

    def __init__(
        self,
        reason: ErrorReason.ValueType,
        message: str,
        *,
        fields: Sequence[tuple[str, str]] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message
        self.fields, self.retry_after = tuple(fields), retry_after

    @property
    def code(self) -> grpc.StatusCode:
        return _STATUS[self.reason]

    def to_status(self) -> bytes:
        """A serialized google.rpc.Status with ErrorInfo, and BadRequest and RetryInfo where they say something."""
        details = [_pack(error_details_pb2.ErrorInfo(reason=ErrorReason.Name(self.reason), domain=DOMAIN))]
        if self.fields:
            violations = [
                error_details_pb2.BadRequest.FieldViolation(field=name, description=text) for name, text in self.fields
            ]
            details.append(_pack(error_details_pb2.BadRequest(field_violations=violations)))
        if self.retry_after is not None:
            delay = duration_pb2.Duration()
            delay.FromMilliseconds(int(self.retry_after * 1000))
            details.append(_pack(error_details_pb2.RetryInfo(retry_delay=delay)))
        status = status_pb2.Status(code=self.code.value[0], message=self.message, details=details)
        serialized: bytes = status.SerializeToString()
        return serialized


def _pack(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def from_rpc(error: grpc.RpcError) -> MurmurationError:
    """What another service answered, as the error it raised there. A deadline that has passed is `DeadlineExceeded`
    wherever it passed: whoever has a budget for a part of his call goes on without that part."""
    code: grpc.StatusCode = error.code()
    message: str = error.details() or code.name
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(message)
    # A server that does not know the method is older than its caller: it will be newer soon.
    unknown = code is grpc.StatusCode.UNIMPLEMENTED
    default = ErrorReason.ERROR_REASON_UNAVAILABLE if unknown else ErrorReason.ERROR_REASON_INTERNAL
    reason = _REASON_OF_STATUS.get(code, default)
    fields: list[tuple[str, str]] = []
    retry_after: float | None = None
    trailing = dict(cast("Iterable[tuple[str, bytes]]", error.trailing_metadata() or ()))
    if DETAILS_METADATA in trailing:
        for detail in status_pb2.Status.FromString(trailing[DETAILS_METADATA]).details:
            info, bad, retry = (
                error_details_pb2.ErrorInfo(),
                error_details_pb2.BadRequest(),
                error_details_pb2.RetryInfo(),
            )
            if detail.Unpack(info) and info.domain == DOMAIN and info.reason in ErrorReason.keys():
                reason = ErrorReason.Value(info.reason)
            elif detail.Unpack(bad):
                fields = [(violation.field, violation.description) for violation in bad.field_violations]
            elif detail.Unpack(retry):
                retry_after = retry.retry_delay.ToMilliseconds() / 1000
    return MurmurationError(reason, message, fields=fields, retry_after=retry_after)


class InvalidField(MurmurationError):
    """A field of the request is not acceptable."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_INVALID_FIELD, f"{field}: {description}", fields=[(field, description)]
        )


class MalformedRequest(MurmurationError):
    def __init__(self) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_MALFORMED_REQUEST, "The request is not a message of this method's type."
        )


class ActorRequired(MurmurationError):
    def __init__(self) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_ACTOR_REQUIRED,
            f"This call acts for somebody: name the user id in the metadata `{ACTOR_METADATA}`.",
        )


class UserNotFound(MurmurationError):
    def __init__(self, who: int | str) -> None:
        super().__init__(ErrorReason.ERROR_REASON_USER_NOT_FOUND, f"There is no user {who}.")


class TweetNotFound(MurmurationError):
    def __init__(self, tweet_id: int) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_TWEET_NOT_FOUND, f"There is no tweet {tweet_id}; it may have been deleted."
        )


class DeadLetterNotFound(MurmurationError):
    def __init__(self, letter_id: str) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_DEAD_LETTER_NOT_FOUND,
            f"There is no dead letter {letter_id}; list them, it may have been dropped by its age.",
        )


class NotAllowed(MurmurationError):
    def __init__(self, message: str) -> None:
        super().__init__(ErrorReason.ERROR_REASON_NOT_ALLOWED, message)


class Blocked(MurmurationError):
    def __init__(self) -> None:
        super().__init__(ErrorReason.ERROR_REASON_BLOCKED, "One of the two users blocks the other.")


class HandleTaken(MurmurationError):
    def __init__(self, handle: str) -> None:
        super().__init__(ErrorReason.ERROR_REASON_HANDLE_TAKEN, f"The handle {handle} is taken; choose another.")


class RequestIdReused(MurmurationError):
    def __init__(self) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_REQUEST_ID_REUSED,
            "This request_id was used for another request; make a new one for each request.",
            fields=[("request_id", "used for another request")],
        )


class InvalidPageToken(MurmurationError):
    def __init__(self) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_INVALID_PAGE_TOKEN,
            "The page token is not valid here: use it as it was given, by the same reader, for the same query, "
            "before it expires; or begin again without one.",
            fields=[("page_token", "forged, expired, or given for another reader or query")],
        )


class FollowingLimit(MurmurationError):
    def __init__(self, limit: int) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_FOLLOWING_LIMIT, f"One may follow at most {limit} accounts; unfollow some first."
        )


class NoCacheRing(MurmurationError):
    def __init__(self) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_NO_CACHE_RING,
            "There are no cache nodes, and so no ring: the system runs on one machine, or memcached.nodes is empty.",
        )


class Overloaded(MurmurationError):
    def __init__(self, what: str, retry_after: float = 1.0) -> None:
        super().__init__(ErrorReason.ERROR_REASON_OVERLOADED, f"{what} is full; try again.", retry_after=retry_after)


class OutboxFull(MurmurationError):
    def __init__(self) -> None:
        super().__init__(
            ErrorReason.ERROR_REASON_OUTBOX_FULL,
            "The event log has not taken writes for long and the outbox quota is used up; try again later.",
            retry_after=5.0,
        )


class Unavailable(MurmurationError):
    """`retry_after`: attempts that gRPC itself makes wait so long too."""

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        message = f"{what} does not answer; try again."
        super().__init__(ErrorReason.ERROR_REASON_UNAVAILABLE, message, retry_after=retry_after)


class StoreFault(MurmurationError):
    """A file, or the disk that holds it, is at fault; the sentence says what to do. What was asked for is not done."""

    def __init__(self, sentence: str) -> None:
        super().__init__(ErrorReason.ERROR_REASON_UNAVAILABLE, sentence)


class DeadlineExceeded(MurmurationError):
    def __init__(self, message: str = "The call's deadline has passed.") -> None:
        super().__init__(ErrorReason.ERROR_REASON_DEADLINE_EXCEEDED, message)


class Internal(MurmurationError):
    def __init__(self, error_id: str) -> None:
        super().__init__(ErrorReason.ERROR_REASON_INTERNAL, f"Something unforeseen happened (error {error_id}).")
