"""UserService: accounts and their handles."""

from __future__ import annotations

from collections.abc import Iterable

from murmuration.v1 import user_pb2
from murmuration_client.batches import in_batches
from murmuration_client.caller import Calls
from murmuration_client.operations import users as operations


class UserCalls(Calls):
    def create_user(self, handle: str, display_name: str = "", *, request_id: str | None = None) -> user_pb2.User:
        """Creates an account; needs no actor. handle: 1 to 15 of [A-Za-z0-9_]. display_name: at most 50 characters.

        request_id: a UUID; a second call with the same handle and request_id answers the account of the first.
        Raises AlreadyExists (the handle is taken), InvalidArgument.
        """
        return self._caller.run(operations.create_user(handle, display_name, self._request_id(request_id)))

    def get_user(self, user: int | str) -> user_pb2.User:
        """The account with this id (int) or this handle (str, without "@"). Raises NotFound."""
        return self._caller.run(operations.get_user(user))

    def batch_get_users(self, user_ids: Iterable[int]) -> dict[int, user_pb2.User]:
        """Those of the accounts that exist, by id. Any number of ids: one call for each 200."""
        found: dict[int, user_pb2.User] = {}
        for batch in in_batches(user_ids):
            found.update(self._caller.run(operations.batch_get_users(batch)))
        return found
