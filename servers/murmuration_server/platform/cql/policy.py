"""Which node is asked, and when a request is tried again.

Retries, all within the one time limit of the request, two at most:

| what happened | what is done |
|---|---|
| a connection failed, a node is overloaded or starting | the next node, unless the statement is conditional |
| not enough replicas are alive, says one node | the next node, once: that one may be cut off |
| replicas did not answer a read in time | once more, on the next node |
| replicas did not answer a write in time | once more: statements carry their timestamps, so nothing is done twice |
| a conditional write got no answer | nothing: the outcome is unknown, and a serial read tells |

While the first request is still waited for, a second one is sent to another node only where somebody waits for the
answer, the node has been silent for `cql.second_request_ms`, and nothing can be done twice: one slow node of three
would else make every call slow. Workers send none: under overload that makes it worse. (ADR 34)
"""

from __future__ import annotations

from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, ExecutionProfile
from cassandra.policies import (
    ConstantSpeculativeExecutionPolicy,
    DCAwareRoundRobinPolicy,
    ExponentialReconnectionPolicy,
    ReconnectionPolicy,
    RetryPolicy,
    TokenAwarePolicy,
)
from cassandra.query import tuple_factory

from murmuration_server.platform.config import CqlSettings

RETRIES = 2
FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.5, 5.0
"""Pauses between looks for a node that was lost."""

PATIENT, HURRIED = EXEC_PROFILE_DEFAULT, "hurried"
"""Names of the two profiles: for workers, and for calls that somebody waits for."""

Decision = tuple[Any, Any]


class RetryWhatIsSafe(RetryPolicy):  # type: ignore[misc]
    """The table above. `is_idempotent` is what the session marks on every statement that is not conditional."""

    def on_read_timeout(self, query: Any, consistency: Any, *_: Any, retry_num: int = 0, **__: Any) -> Decision:
        if retry_num or not query.is_idempotent:
            return self.RETHROW, None
        return self.RETRY_NEXT_HOST, consistency

    def on_write_timeout(self, query: Any, consistency: Any, *_: Any, retry_num: int = 0, **__: Any) -> Decision:
        if retry_num or not query.is_idempotent:
            return self.RETHROW, None
        return self.RETRY, consistency

    def on_unavailable(self, query: Any, consistency: Any, *_: Any, retry_num: int = 0, **__: Any) -> Decision:  # noqa: ARG002
        # Nothing was sent to any replica yet, so a conditional write may go to another node too.
        return (self.RETHROW, None) if retry_num else (self.RETRY_NEXT_HOST, consistency)

    def on_request_error(self, query: Any, consistency: Any, *_: Any, retry_num: int = 0, **__: Any) -> Decision:
        if retry_num >= RETRIES or not query.is_idempotent:
            return self.RETHROW, None
        return self.RETRY_NEXT_HOST, consistency


def reconnection() -> ReconnectionPolicy:
    """Other nodes tell of one that is back. Where none is left to tell, what the driver does by default takes up to ten
    minutes to find out."""
    return ExponentialReconnectionPolicy(FIRST_LOOK_SECONDS, LONGEST_LOOK_SECONDS)


def profiles(settings: CqlSettings) -> dict[Any, ExecutionProfile]:
    """By name."""
    silent_seconds = settings.second_request_ms / 1000
    once_more = ConstantSpeculativeExecutionPolicy(silent_seconds, 1) if silent_seconds else None
    return {PATIENT: _profile(settings, None), HURRIED: _profile(settings, once_more)}


def _profile(settings: CqlSettings, once_more: ConstantSpeculativeExecutionPolicy | None) -> ExecutionProfile:
    """A replica of the row in our datacenter first, then other nodes there; never another datacenter."""
    return ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc=settings.datacenter)),
        retry_policy=RetryWhatIsSafe(),
        consistency_level=getattr(ConsistencyLevel, settings.consistency),
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=settings.request_timeout_ms / 1000,
        row_factory=tuple_factory,
        speculative_execution_policy=once_more,
    )
