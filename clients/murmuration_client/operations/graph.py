"""GraphService."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration.v1 import graph_pb2
from murmuration_client.operation import Operation, unary, whole

Related = Operation[graph_pb2.Relationship]


def follow(user_id: int, hide_reposts: bool) -> Related:
    request = graph_pb2.FollowUserRequest(user_id=user_id, hide_reposts=hide_reposts)
    return unary(lambda stubs: stubs.graph.FollowUser, request, lambda response: response.relationship)


def unfollow(user_id: int) -> Related:
    request = graph_pb2.UnfollowUserRequest(user_id=user_id)
    return unary(lambda stubs: stubs.graph.UnfollowUser, request, lambda response: response.relationship)


def block(user_id: int) -> Related:
    request = graph_pb2.BlockUserRequest(user_id=user_id)
    return unary(lambda stubs: stubs.graph.BlockUser, request, lambda response: response.relationship)


def unblock(user_id: int) -> Related:
    request = graph_pb2.UnblockUserRequest(user_id=user_id)
    return unary(lambda stubs: stubs.graph.UnblockUser, request, lambda response: response.relationship)


def mute(user_id: int) -> Related:
    request = graph_pb2.MuteUserRequest(user_id=user_id)
    return unary(lambda stubs: stubs.graph.MuteUser, request, lambda response: response.relationship)


def unmute(user_id: int) -> Related:
    request = graph_pb2.UnmuteUserRequest(user_id=user_id)
    return unary(lambda stubs: stubs.graph.UnmuteUser, request, lambda response: response.relationship)


def relationships(user_ids: Sequence[int]) -> Operation[list[graph_pb2.Relationship]]:
    """One batch, of at most MAX_BATCH ids."""
    request = graph_pb2.BatchGetRelationshipsRequest(user_ids=user_ids)
    return unary(lambda stubs: stubs.graph.BatchGetRelationships, request, lambda found: list(found.relationships))


def list_followers(user_id: int, page_size: int, page_token: str) -> Operation[graph_pb2.ListFollowersResponse]:
    request = graph_pb2.ListFollowersRequest(user_id=user_id, page_size=page_size, page_token=page_token)
    return unary(lambda stubs: stubs.graph.ListFollowers, request, whole)


def list_following(user_id: int, page_size: int, page_token: str) -> Operation[graph_pb2.ListFollowingResponse]:
    request = graph_pb2.ListFollowingRequest(user_id=user_id, page_size=page_size, page_token=page_token)
    return unary(lambda stubs: stubs.graph.ListFollowing, request, whole)


def follow_counts(user_id: int) -> Operation[graph_pb2.GetFollowCountsResponse]:
    return unary(lambda stubs: stubs.graph.GetFollowCounts, graph_pb2.GetFollowCountsRequest(user_id=user_id), whole)
