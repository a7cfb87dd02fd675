"""UserService and the internal services of accounts: parse, call, present."""

from __future__ import annotations

from murmuration.internal.v1 import user_pb2 as internal
from murmuration.v1 import user_pb2 as api
from murmuration_server.platform.call import Call
from murmuration_server.platform.checks import check_id, check_ids, check_request_id, request_digest
from murmuration_server.platform.errors import InvalidField, UserNotFound
from murmuration_server.users.accounts import Accounts
from murmuration_server.users.handles import HANDLE_PATTERN, HandleRejected, fold
from murmuration_server.users.store import StoredUser, UserStore

BATCH = 200
SAMPLE = 1000


class UserService:
    def __init__(self, accounts: Accounts, store: UserStore) -> None:
        self._accounts, self._store = accounts, store

    def CreateUser(self, call: Call, request: api.CreateUserRequest) -> api.CreateUserResponse:
        request_id = check_request_id(request.request_id)
        user = self._accounts.create(call, request.handle, request.display_name, request_id, request_digest(request))
        return api.CreateUserResponse(user=present(user))

    def GetUser(self, call: Call, request: api.GetUserRequest) -> api.GetUserResponse:
        which = request.WhichOneof("key")
        if which is None:
            raise InvalidField("key", "set user_id or handle")
        if which == "user_id":
            user_id = check_id("user_id", request.user_id)
        else:
            user_id = self._find(call, request.handle)
        found = self._store.get_many(call, [user_id])
        if not found:
            raise UserNotFound(request.handle or user_id)
        return api.GetUserResponse(user=present(found[0]))

    def _find(self, call: Call, handle: str) -> int:
        try:
            folded = fold(handle)
        except HandleRejected as error:
            raise InvalidField("handle", str(error)) from error
        return self._store.find_handles(call, [folded]).get(folded, 0)

    def BatchGetUsers(self, call: Call, request: api.BatchGetUsersRequest) -> api.BatchGetUsersResponse:
        ids = check_ids("user_ids", request.user_ids, BATCH)
        return api.BatchGetUsersResponse(users=[present(user) for user in self._store.get_many(call, ids)])


class UserReadService:
    def __init__(self, store: UserStore) -> None:
        self._store = store

    def BatchGetUserRecords(
        self, call: Call, request: internal.BatchGetUserRecordsRequest
    ) -> internal.BatchGetUserRecordsResponse:
        users = self._store.get_many(call, list(request.user_ids))
        records = [
            internal.UserRecord(user_id=user.user_id, record=present(user).SerializeToString()) for user in users
        ]
        return internal.BatchGetUserRecordsResponse(records=records)

    def ResolveHandles(self, call: Call, request: internal.ResolveHandlesRequest) -> internal.ResolveHandlesResponse:
        folded = {handle: fold(handle) for handle in request.handles if HANDLE_PATTERN.match(handle)}
        found = self._store.find_handles(call, list(folded.values()))
        return internal.ResolveHandlesResponse(
            resolved=[
                internal.ResolvedHandle(handle=handle, user_id=found[key])
                for handle, key in folded.items()
                if key in found
            ]
        )

    def SampleUserIds(self, call: Call, request: internal.SampleUserIdsRequest) -> internal.SampleUserIdsResponse:
        if not 0 < request.limit <= SAMPLE:
            raise InvalidField("limit", f"between 1 and {SAMPLE}")
        return internal.SampleUserIdsResponse(user_ids=self._store.sample(call, request.limit))


class UserImportService:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def ImportUsers(self, call: Call, request: internal.ImportUsersRequest) -> internal.ImportUsersResponse:
        names = [(user.handle, user.display_name) for user in request.users]
        ids, created = self._accounts.import_many(call, names)
        return internal.ImportUsersResponse(user_ids=ids, created=created)


def present(user: StoredUser) -> api.User:
    return api.User(
        user_id=user.user_id, handle=user.handle, display_name=user.display_name, create_time_ms=user.created_ms
    )
