"""The rules of accounts: who may have which handle, and what a repeated request answers."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import HandleTaken, InvalidField, RequestIdReused
from murmuration_server.platform.ids import IdGenerator, time_ms
from murmuration_server.users.events import user_created
from murmuration_server.users.handles import HandleRejected, check_display_name, check_handle
from murmuration_server.users.store import StoredUser, UserStore


class Accounts:
    def __init__(
        self, store: UserStore, ids: IdGenerator, buckets: BucketRule, quota: OutboxQuota, request_id_ms: int
    ) -> None:
        """`request_id_ms`: how long a request_id is remembered."""
        self._store, self._ids, self._buckets, self._quota = store, ids, buckets, quota
        self._request_id_ms = request_id_ms

    def create(self, call: Call, handle: str, display_name: str, request_id: str, digest: bytes) -> StoredUser:
        """Raises `HandleTaken`, `RequestIdReused`, `InvalidField`."""
        user = self._draft(call, handle, display_name, request_id, digest)
        holder = self._store_all(call, [user])[0]
        if holder is None:
            return user
        replay = request_id and holder.request_id == request_id
        if not replay or call.runtime.now_ms() - holder.created_ms > self._request_id_ms:
            raise HandleTaken(handle)
        if holder.digest != digest:
            raise RequestIdReused
        # That call may have died before it looked at the clock, with its event in a bucket that is swept no more.
        event, bucket = [user_created(call, holder)], self._buckets.present()
        self._store.append_outbox(call, bucket, event)
        self._buckets.settle(call, self._store, bucket, event)
        return holder

    def import_many(self, call: Call, names: Sequence[tuple[str, str]]) -> tuple[list[int], int]:
        """(handle, display name) pairs; creates those that are free. Answers all ids in order, and how many are new."""
        users = [self._draft(call, handle, name, "", b"") for handle, name in names]
        holders = self._store_all(call, users)
        ids = [holder.user_id if holder else user.user_id for user, holder in zip(users, holders, strict=True)]
        return ids, holders.count(None)

    def _draft(self, call: Call, handle: str, display_name: str, request_id: str, digest: bytes) -> StoredUser:
        try:
            check_handle(handle)
        except HandleRejected as error:
            raise InvalidField("handle", str(error)) from error
        try:
            display_name = check_display_name(display_name)
        except ValueError as error:
            raise InvalidField("display_name", str(error)) from error
        user_id = self._ids.next(call)
        return StoredUser(user_id, handle, display_name, time_ms(user_id), request_id, digest)

    def _store_all(self, call: Call, users: Sequence[StoredUser]) -> list[StoredUser | None]:
        self._quota.admit(len(users))
        outbox = [user_created(call, user) for user in users]
        bucket = self._buckets.present()
        holders = self._store.create(call, users, outbox, bucket)
        stored = [event for event, holder in zip(outbox, holders, strict=True) if holder is None]
        self._buckets.settle(call, self._store, bucket, stored)
        return holders
