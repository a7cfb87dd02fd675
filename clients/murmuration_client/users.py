"""UserService: accounts and their handles."""

from __future__ import annotations

from collections.abc import Iterable

from murmuration.v1 import user_pb2
from murmuration_client.caller import MAX_BATCH, Calls, in_batches


class UserCalls(Calls):
    def create_user(self, handle: str, display_name: str = "", *, request_id: str | None = None) -> user_pb2.User:
        """Creates an account; needs no actor. handle: 1 to 15 of [A-Za-z0-9_]. display_name: at most 50 characters.

        request_id: a UUID; a second call with the same handle and request_id answers the account of the first.
        Raises AlreadyExists (the handle is taken), InvalidArgument.
        """
        request = user_pb2.CreateUserRequest(
            handle=handle, display_name=display_name, request_id=request_id or self._caller.new_request_id()
        )
        return self._caller.call(self._caller.stubs.users.CreateUser, request).user

    def get_user(self, user: int | str) -> user_pb2.User:
        """The account with this id (int) or this handle (str, without "@"). Raises NotFound."""
        if isinstance(user, int):
            request = user_pb2.GetUserRequest(user_id=user)
        else:
            request = user_pb2.GetUserRequest(handle=user)
        return self._caller.call(self._caller.stubs.users.GetUser, request).user

    def batch_get_users(self, user_ids: Iterable[int]) -> dict[int, user_pb2.User]:
        """Those of the accounts that exist, by id. Any number of ids: one call for each 200."""
        found: dict[int, user_pb2.User] = {}
        for batch in in_batches(user_ids, MAX_BATCH):
            request = user_pb2.BatchGetUsersRequest(user_ids=batch)
            response = self._caller.call(self._caller.stubs.users.BatchGetUsers, request)
            found.update((user.user_id, user) for user in response.users)
        return found
