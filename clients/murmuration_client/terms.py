"""On what terms calls are made: where, for whom, within which time, with which metadata. The same for both clients."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from murmuration_client.loopback import is_loopback

ACTOR_METADATA = "murmuration-actor-id"
TOKEN_METADATA = "authorization"  # noqa: S105 - the name of a header
TRACE_METADATA = "traceparent"
MAX_ID = 2**63 - 1
DEFAULT_TIMEOUT_SECONDS = 5.0
MAX_TIMEOUT_SECONDS = 24 * 60 * 60.0

# W3C Trace Context, version 00: version, trace id, parent id, flags.
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Metadata = tuple[tuple[str, str], ...]


def new_request_id() -> str:
    """A random UUID."""
    return str(uuid.uuid4())


@dataclass(frozen=True, slots=True)
class Terms:
    """actor_id: the user for whom calls act, or None. timeout: seconds, for a call with all its attempts.

    traceparent: called for each call; answers the W3C traceparent of the span around it, or None outside of any.
    Raises ValueError for an empty target, and for an actor_id or a timeout out of range.
    """

    target: str
    actor_id: int | None
    timeout: float
    new_request_id: Callable[[], str]
    traceparent: Callable[[], str | None] | None

    def __post_init__(self) -> None:
        if not self.target:
            raise ValueError("target must name a server, for example 127.0.0.1:7700")
        if self.actor_id is not None and not 0 < self.actor_id <= MAX_ID:
            raise ValueError(f"actor_id must be from 1 to 2^63-1, not {self.actor_id}")
        if not 0 < self.timeout <= MAX_TIMEOUT_SECONDS:
            raise ValueError(f"timeout must be above 0 and at most {MAX_TIMEOUT_SECONDS:g} s, not {self.timeout}")

    def metadata(self, token: str | None) -> Metadata:
        """What a call carries besides its request. token: a bearer token, or None.

        Raises ValueError for a traceparent that is not one: a tracer that is set up wrongly shows at the first call.
        """
        pairs: list[tuple[str, str]] = []
        if self.actor_id is not None:
            pairs.append((ACTOR_METADATA, str(self.actor_id)))
        if token is not None:
            pairs.append((TOKEN_METADATA, f"Bearer {token}"))
        if self.traceparent is not None and (trace := self.traceparent()):
            if not _TRACEPARENT.fullmatch(trace):
                raise ValueError(f"traceparent must be as W3C Trace Context has it, 00-…-…-01, not {trace!r}")
            pairs.append((TRACE_METADATA, trace))
        return tuple(pairs)


def check_token_is_safe(target: str, token: object | None, credentials: grpc.ChannelCredentials | None) -> None:
    """Raises ValueError where a bearer token would go over a network in plain text: whoever reads it has it."""
    if token is not None and credentials is None and not is_loopback(target):
        raise ValueError(
            f"a token would go to {target} in plain text; give credentials=grpc.ssl_channel_credentials() "
            "or a loopback target"
        )
