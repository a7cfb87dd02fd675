"""AdminService, but for the import, which streams: see `graph_import.py`."""

from __future__ import annotations

from collections.abc import Sequence

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


def locate_user(user: int | str) -> Operation[admin_pb2.UserLocation]:
    request = (
        admin_pb2.LocateUserRequest(user_id=user) if isinstance(user, int) else admin_pb2.LocateUserRequest(handle=user)
    )
    return unary(lambda stubs: stubs.admin.LocateUser, request, lambda response: response.location)


def preview_ring(
    add_nodes: Sequence[str], remove_nodes: Sequence[str], user_ids: Sequence[int]
) -> Operation[admin_pb2.PreviewRingResponse]:
    request = admin_pb2.PreviewRingRequest(add_nodes=add_nodes, remove_nodes=remove_nodes, user_ids=user_ids)
    return unary(lambda stubs: stubs.admin.PreviewRing, request, whole)


def list_dead_letters(
    group: str, page_size: int, page_token: str, *, include_settled: bool
) -> Operation[admin_pb2.ListDeadLettersResponse]:
    request = admin_pb2.ListDeadLettersRequest(
        group=group, page_size=page_size, page_token=page_token, include_settled=include_settled
    )
    return unary(lambda stubs: stubs.admin.ListDeadLetters, request, whole)


def get_dead_letter(letter_id: str) -> Operation[admin_pb2.DeadLetter]:
    request = admin_pb2.GetDeadLetterRequest(dead_letter_id=letter_id)
    return unary(lambda stubs: stubs.admin.GetDeadLetter, request, lambda response: response.dead_letter)


def retry_dead_letters(letter_ids: Sequence[str]) -> Operation[list[admin_pb2.DeadLetter]]:
    request = admin_pb2.RetryDeadLettersRequest(dead_letter_ids=letter_ids)
    return unary(lambda stubs: stubs.admin.RetryDeadLetters, request, lambda response: list(response.dead_letters))


def drop_dead_letters(letter_ids: Sequence[str]) -> Operation[list[admin_pb2.DeadLetter]]:
    request = admin_pb2.DropDeadLettersRequest(dead_letter_ids=letter_ids)
    return unary(lambda stubs: stubs.admin.DropDeadLetters, request, lambda response: list(response.dead_letters))
