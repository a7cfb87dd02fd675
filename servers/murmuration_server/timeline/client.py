"""All that other services, and the workers, may know of homes' state."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from murmuration.internal.v1 import home_pb2, home_pb2_grpc
from murmuration_server.platform.call import Call
from murmuration_server.platform.stubs import invoke
from murmuration_server.timeline.store import INCOMPLETE
from murmuration_server.timeline.watermark import Watermark


@dataclass(frozen=True, slots=True)
class HomeReport:
    """A home's state. `complete_since`: the home holds all posts from this id on; None while it is incomplete.
    `state_cached`, `head_cached`: whether the cache holds the state, and the newest entries, now."""

    active_at_ms: int
    complete_since: int | None
    requested_at_ms: int
    state_cached: bool
    head_cached: bool


class HomeStateClient:
    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = home_pb2_grpc.HomeStateServiceStub(channel)

    def complete_rebuild(self, call: Call, user_id: int, requested_at_ms: int, complete_since: int) -> bool:
        """Answers False where a later request stands."""
        request = home_pb2.CompleteRebuildRequest(
            user_id=user_id, requested_at_ms=requested_at_ms, complete_since=complete_since
        )
        return invoke(call, self._stub.CompleteRebuild, request).completed

    def request_rebuild(self, call: Call, user_id: int) -> None:
        invoke(call, self._stub.RequestRebuild, home_pb2.RequestRebuildRequest(user_id=user_id))

    def inspect(self, call: Call, user_id: int) -> HomeReport:
        """Changes nothing."""
        answer = invoke(call, self._stub.InspectHome, home_pb2.InspectHomeRequest(user_id=user_id))
        return HomeReport(
            answer.active_at_ms,
            None if answer.complete_since == INCOMPLETE else answer.complete_since,
            answer.requested_at_ms,
            answer.state_cached,
            answer.head_cached,
        )


DeliveryStatus = Watermark
