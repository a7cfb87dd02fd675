"""All that other services may know of accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import grpc

from murmuration.internal.v1 import user_pb2, user_pb2_grpc
from murmuration.v1.user_pb2 import User
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Kind
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import UserNotFound
from murmuration_server.platform.stubs import invoke

CACHED_SECONDS = 3600.0


class UserClient:
    """Accounts by id and by handle. `record_kind` caches serialized murmuration.v1.User: an account never changes."""

    def __init__(self, channel: grpc.Channel, cache: Cache) -> None:
        self._reads = user_pb2_grpc.UserReadServiceStub(channel)
        self._imports = user_pb2_grpc.UserImportServiceStub(channel)
        self._cache = cache
        self.record_kind: Kind[bytes] = Kind(
            "user",
            1,
            CACHED_SECONDS,
            self._load,
            encode=lambda record: record,
            decode=lambda data: data,
            local_seconds=CACHED_SECONDS,
            never_changes=True,
        )

    def records(self, call: Call, user_ids: Sequence[int]) -> dict[int, bytes]:
        """For those that exist."""
        return self._cache.get_each(call, self.record_kind, user_ids)

    def require(self, call: Call, user_id: int) -> None:
        """Raises `UserNotFound`."""
        if self._cache.get(call, self.record_kind, user_id) is None:
            raise UserNotFound(user_id)

    def handle(self, call: Call, user_id: int) -> str:
        """As he wrote it. Raises `UserNotFound`."""
        record = self._cache.get(call, self.record_kind, user_id)
        if record is None:
            raise UserNotFound(user_id)
        return User.FromString(record).handle

    def sample(self, call: Call, limit: int) -> list[int]:
        """Ids of some users, in no order that means anything."""
        return list(invoke(call, self._reads.SampleUserIds, user_pb2.SampleUserIdsRequest(limit=limit)).user_ids)

    def resolve(self, call: Call, handles: Sequence[str]) -> dict[str, int]:
        """Handle as given to user id, for those that exist."""
        if not handles:
            return {}
        request = user_pb2.ResolveHandlesRequest(handles=handles)
        answer = invoke(call, self._reads.ResolveHandles, request)
        return {resolved.handle: resolved.user_id for resolved in answer.resolved}

    def import_many(self, call: Call, names: Sequence[tuple[str, str]]) -> tuple[list[int], int]:
        """(handle, display name) pairs to ids in the same order, and how many accounts are new."""
        users = [user_pb2.NewUser(handle=handle, display_name=name) for handle, name in names]
        answer = invoke(call, self._imports.ImportUsers, user_pb2.ImportUsersRequest(users=users))
        return list(answer.user_ids), answer.created

    def _load(self, call: Call, user_ids: Sequence[int]) -> Mapping[int, bytes]:
        request = user_pb2.BatchGetUserRecordsRequest(user_ids=user_ids)
        answer = invoke(call, self._reads.BatchGetUserRecords, request)
        return {record.user_id: record.record for record in answer.records}
