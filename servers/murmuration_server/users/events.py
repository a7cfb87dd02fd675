"""The events of accounts."""

from __future__ import annotations

from murmuration.events.v1.events_pb2 import UserCreated
from murmuration_server.eventlog.envelope import USERS, envelope
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.users.store import StoredUser


def user_created(call: Call, user: StoredUser) -> OutboxRow:
    event = envelope(call, user.user_id, user.created_ms)
    event.user_created.CopyFrom(UserCreated(user_id=user.user_id))
    return OutboxRow(user.user_id, USERS, user.user_id, user.created_ms, event.SerializeToString())
