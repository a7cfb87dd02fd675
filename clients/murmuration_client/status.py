"""From a gRPC failure to one of our errors: parses the google.rpc.Status in the trailing metadata (AIP-193)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, cast

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from murmuration_client.errors import (
    DeadlineExceeded,
    InvalidArgument,
    MurmurationError,
    NoServer,
    class_of,
)

DETAILS_METADATA = "grpc-status-details-bin"
DOMAIN = "murmuration"
REASON_PREFIX = "ERROR_REASON_"

# What a status means when it comes from gRPC itself, without an ErrorInfo.
_BARE_REASON = {
    grpc.StatusCode.UNAVAILABLE: "UNAVAILABLE",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.CANCELLED: "CANCELLED",
}

# gRPC's words for a host name that DNS does not know: of 1.76, and of later releases.
_UNRESOLVED = ("DNS resolution failed", "errors resolving")


class FailedCall(Protocol):
    """The part of a failed call that is read here; grpc's errors have it."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> object: ...


@dataclass(slots=True)
class Details:
    """What the google.rpc.Status of a failure said; empty where it said nothing, or nothing that can be read."""

    reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    field_violations: list[tuple[str, str]] = field(default_factory=list)
    retry_after: float | None = None


def parse_details(serialized: bytes) -> Details:
    """Reads ErrorInfo (of our domain), BadRequest and RetryInfo from a serialized google.rpc.Status; never raises."""
    found = Details()
    try:
        for packed in status_pb2.Status.FromString(serialized).details:
            info = error_details_pb2.ErrorInfo()
            bad = error_details_pb2.BadRequest()
            retry = error_details_pb2.RetryInfo()
            if packed.Unpack(info):
                if info.domain == DOMAIN:
                    found.reason = info.reason.removeprefix(REASON_PREFIX)
                    found.metadata = dict(info.metadata)
            elif packed.Unpack(bad):
                found.field_violations = [(each.field, each.description) for each in bad.field_violations]
            elif packed.Unpack(retry):
                found.retry_after = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9
    except DecodeError:
        pass  # A broken detail takes nothing from what the status code says.
    return found


def from_rpc(error: grpc.RpcError, target: str, timeout: float) -> MurmurationError:
    """The error to raise for a failed call to `target` with a timeout in seconds."""
    call = cast(FailedCall, error)
    code, text = call.code(), call.details() or ""
    details = parse_details(_serialized_details(call))
    if details.reason is None:
        return _from_transport(code, text, target, timeout)
    return class_of(code, details.reason)(
        text,
        reason=details.reason,
        code=code,
        field_violations=details.field_violations,
        retry_after=details.retry_after,
        metadata=details.metadata,
    )


def _serialized_details(call: FailedCall) -> bytes:
    trailing = cast("tuple[tuple[str, str | bytes], ...]", call.trailing_metadata() or ())
    for key, value in trailing:
        if key == DETAILS_METADATA and isinstance(value, bytes):
            return value
    return b""


def _from_transport(code: grpc.StatusCode, text: str, target: str, timeout: float) -> MurmurationError:
    """The error for a failure that no service of ours made: gRPC itself, a proxy, or another program."""
    reason = _BARE_REASON.get(code, "UNSPECIFIED")
    if code is grpc.StatusCode.UNAVAILABLE and any(words in text for words in _UNRESOLVED):
        return NoServer(f"The host name in {target} cannot be resolved.", reason=reason, code=code)
    if code is grpc.StatusCode.UNAVAILABLE:
        return NoServer(f"No server answers at {target}; start one with `murmurd up`.", reason=reason, code=code)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineExceeded(f"No answer from {target} within {timeout:g} s.", reason=reason, code=code)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "message larger than max" in text:
        return InvalidArgument(f"A message is too large for one call ({text}).", reason="MALFORMED_REQUEST", code=code)
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return MurmurationError(f"The server at {target} does not know this call.", reason=reason, code=code)
    return class_of(code, reason)(f"The call to {target} failed: {text or code.name}", reason=reason, code=code)
