"""What a call can raise: one class per gRPC status that callers branch on, with the reason and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc

from murmuration_client.advice import advice_for


class MurmurationError(Exception):
    """A call failed.

    reason: the name of murmuration.v1.ErrorReason without its prefix ("USER_NOT_FOUND"); "UNSPECIFIED" if the server
        named none.
    code: the gRPC status.
    message: a sentence for people; not meant to be branched on.
    field_violations: (field, description) for each field of the request that was not accepted.
    retry_after: seconds to wait before trying again, or None if the server named no time.
    metadata: further facts about the reason (google.rpc.ErrorInfo).
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "UNSPECIFIED",
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        field_violations: Sequence[tuple[str, str]] = (),
        retry_after: float | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = code
        self.field_violations = list(field_violations)
        self.retry_after = retry_after
        self.metadata = dict(metadata or {})

    @property
    def advice(self) -> str:
        """One sentence: what to do next."""
        return advice_for(self.reason)


class InvalidArgument(MurmurationError):
    """The request is not acceptable, whatever the state of the server: change it. `field_violations` says where."""


class NotFound(MurmurationError):
    """The user or the post does not exist, or no longer."""


class AlreadyExists(MurmurationError):
    """The handle is taken, or the request_id was used for another request: `reason` says which."""


class NotAllowed(MurmurationError):
    """The actor may not do this, or one of the two blocks the other."""


class ActorRequired(MurmurationError):
    """The call acts for somebody and names nobody: use `client.acting_as(user_id)`."""


class FailedPrecondition(MurmurationError):
    """The system, or the actor, is not in a state in which this can be done: `reason` says why."""


class LimitReached(FailedPrecondition):
    """The actor has as many of these as one may have."""


class Overloaded(MurmurationError):
    """A queue, quota or pool of the server is full. Try again after `retry_after` seconds."""


class Unavailable(MurmurationError):
    """A part that the call needs does not answer; the call was tried several times."""


class NoServer(Unavailable):
    """Nothing answers at the target, or the connection broke and could not be made again."""

    @property
    def advice(self) -> str:
        return "Check that a server runs there, and that the target is right (`--target`, MURMUR_TARGET)."


class DeadlineExceeded(MurmurationError):
    """No answer within the client's timeout. The call may still have taken effect; the same request_id makes a
    creation safe to repeat."""


class NotVisible(DeadlineExceeded):
    """A post did not appear in a home within the time given to `wait_visible`; the message says what stands in the way
    as far as the server's answers tell. advice: the next step for that."""

    def __init__(self, message: str, *, advice: str, reason: str, code: grpc.StatusCode) -> None:
        super().__init__(message, reason=reason, code=code)
        self._advice = advice

    @property
    def advice(self) -> str:
        return self._advice


class Cancelled(MurmurationError):
    """The call was cancelled, here or on the server."""


class InternalError(MurmurationError):
    """The server failed in an unforeseen way; the message carries an id that is also in its log."""


CLASS_OF_STATUS: Mapping[grpc.StatusCode, type[MurmurationError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: NotAllowed,
    grpc.StatusCode.UNAUTHENTICATED: ActorRequired,
    grpc.StatusCode.FAILED_PRECONDITION: FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Overloaded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.CANCELLED: Cancelled,
    grpc.StatusCode.INTERNAL: InternalError,
}

_CLASS_OF_REASON: Mapping[str, type[MurmurationError]] = {"FOLLOWING_LIMIT": LimitReached}
"""Where a status alone does not say enough."""


def class_of(code: grpc.StatusCode, reason: str) -> type[MurmurationError]:
    """For a status, and a reason without its prefix."""
    return _CLASS_OF_REASON.get(reason) or CLASS_OF_STATUS.get(code, MurmurationError)
