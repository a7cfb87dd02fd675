"""The context of one call: who asks, until when, how urgently, and as part of which trace."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from murmuration_server.platform.errors import ACTOR_METADATA, ActorRequired, DeadlineExceeded
from murmuration_server.platform.ingredients import Ingredients
from murmuration_server.platform.runtime import Runtime

PRIORITY_METADATA = "murmuration-priority"
REQUEST_METADATA = "murmuration-request-id"
TRACE_METADATA = "traceparent"
FALL_BACK_METADATA = "murmuration-may-fall-back"


class Priority(enum.IntEnum):
    """Who is shed first under load: the lowest."""

    BACKGROUND = 0
    NORMAL = 1


@dataclass(frozen=True, slots=True)
class Call:
    """Made once where a call or a unit of background work enters; handed to every rule, port and stub."""

    actor_id: int
    """0 where nobody is named."""
    deadline: float
    """In the seconds of `runtime.monotonic()`."""
    runtime: Runtime
    priority: Priority = Priority.NORMAL
    request_id: str = ""
    """Of this server call, for logs and events; not the idempotency key of AIP-155."""
    traceparent: str = ""
    made_of: Ingredients | None = None
    """Where somebody wants to keep the answer: whoever reads for the call notes there what was read."""
    may_fall_back: bool = False
    """Whether the word of one replica will do, since no quorum is to be had: it may lack what was acked. What is read
    so is cached nowhere, and nothing is decided by it but one answer."""

    @classmethod
    def background(cls, runtime: Runtime, seconds: float = 30.0) -> Call:
        """A call of the system's own: nobody's, of low priority."""
        return cls(0, runtime.monotonic() + seconds, runtime, Priority.BACKGROUND)

    def actor(self) -> int:
        """Who asks. Raises `ActorRequired` where nobody is named."""
        if self.actor_id <= 0:
            raise ActorRequired
        return self.actor_id

    def remaining(self) -> float:
        """Seconds left. Raises `DeadlineExceeded` where there are none."""
        left = self.deadline - self.runtime.monotonic()
        if left <= 0:
            raise DeadlineExceeded
        return left

    def within(self, seconds: float) -> Call:
        """The same call with at most `seconds` left."""
        return replace(self, deadline=min(self.deadline, self.runtime.monotonic() + seconds))

    def noting(self, made_of: Ingredients | None) -> Call:
        """The same call, whose readings are noted there, or nowhere."""
        return replace(self, made_of=made_of)

    def falling_back(self) -> Call:
        """The same call, which takes what is at hand."""
        return replace(self, may_fall_back=True)

    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """What a stub call carries on."""
        pairs: list[tuple[str, str | bytes]] = [(PRIORITY_METADATA, str(int(self.priority)))]
        if self.actor_id:
            pairs.append((ACTOR_METADATA, str(self.actor_id)))
        if self.request_id:
            pairs.append((REQUEST_METADATA, self.request_id))
        if self.traceparent:
            pairs.append((TRACE_METADATA, self.traceparent))
        if self.may_fall_back:
            pairs.append((FALL_BACK_METADATA, "1"))
        return tuple(pairs)
