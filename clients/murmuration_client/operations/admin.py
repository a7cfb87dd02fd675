"""AdminService, but for the import, which streams: see `graph_import.py`."""

from __future__ import annotations

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client.operation import Operation, nothing, unary, whole


def rebuild_timeline(user_id: int) -> Operation[None]:
    request = admin_pb2.RebuildTimelineRequest(user_id=user_id)
    return unary(lambda stubs: stubs.admin.RebuildTimeline, request, nothing)


def get_backlog() -> Operation[admin_pb2.GetBacklogResponse]:
    return unary(lambda stubs: stubs.admin.GetBacklog, admin_pb2.GetBacklogRequest(), whole)


def set_author_mode(
    user_id: int, mode: tweet_pb2.DeliveryMode.ValueType
) -> Operation[tweet_pb2.DeliveryMode.ValueType]:
    request = admin_pb2.SetAuthorModeRequest(user_id=user_id, mode=mode)
    return unary(lambda stubs: stubs.admin.SetAuthorMode, request, lambda response: response.mode)
