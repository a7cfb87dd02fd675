"""UserService."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration.v1 import user_pb2
from murmuration_client.operation import Operation, unary


def create_user(handle: str, display_name: str, request_id: str) -> Operation[user_pb2.User]:
    request = user_pb2.CreateUserRequest(handle=handle, display_name=display_name, request_id=request_id)
    return unary(lambda stubs: stubs.users.CreateUser, request, lambda response: response.user)


def get_user(user: int | str) -> Operation[user_pb2.User]:
    if isinstance(user, int):
        request = user_pb2.GetUserRequest(user_id=user)
    else:
        request = user_pb2.GetUserRequest(handle=user)
    return unary(lambda stubs: stubs.users.GetUser, request, lambda response: response.user)


def batch_get_users(user_ids: Sequence[int]) -> Operation[dict[int, user_pb2.User]]:
    """One batch, of at most MAX_BATCH ids."""
    request = user_pb2.BatchGetUsersRequest(user_ids=user_ids)
    return unary(lambda stubs: stubs.users.BatchGetUsers, request, _by_id)


def _by_id(response: user_pb2.BatchGetUsersResponse) -> dict[int, user_pb2.User]:
    return {user.user_id: user for user in response.users}
