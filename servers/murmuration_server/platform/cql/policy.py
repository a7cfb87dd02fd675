"""Which node is asked, and when a request is tried again.

Retries, all within the one time limit of the request, two at most:

| what happened | what is done |
|---|---|
| a connection failed, a node is overloaded or starting | the next node, unless the statement is conditional |
| not enough replicas are alive, says one node | the next node, once: that one may be cut off |
| replicas did not answer a read in time | once more, on the next node |
| replicas did not answer a write in time | once more: statements carry their timestamps, so nothing is done twice |
| a conditional write got no answer | nothing: the outcome is unknown, and a serial read tells |

No second request is sent while the first is still waited for: under overload that makes it worse.
"""

from __future__ import annotations

from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import ExecutionProfile
from cassandra.policies import DCAwareRoundRobinPolicy, RetryPolicy, TokenAwarePolicy
from cassandra.query import tuple_factory

from murmuration_server.platform.config import CqlSettings

RETRIES = 2

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


def profile(settings: CqlSettings) -> ExecutionProfile:
    """A replica of the row in our datacenter first, then other nodes there; never another datacenter."""
    return ExecutionProfile(
        load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy(local_dc=settings.datacenter)),
        retry_policy=RetryWhatIsSafe(),
        consistency_level=getattr(ConsistencyLevel, settings.consistency),
        serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        request_timeout=settings.request_timeout_ms / 1000,
        row_factory=tuple_factory,
    )
