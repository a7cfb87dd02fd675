"""The store port of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from murmuration_server.eventlog.outbox import OutboxRow, OutboxSource
from murmuration_server.platform.call import Call


@dataclass(frozen=True, slots=True)
class StoredUser:
    """`request_id` and `digest` are those of the request that created the account."""

    user_id: int
    handle: str
    display_name: str
    created_ms: int
    request_id: str
    digest: bytes


class UserStore(OutboxSource, Protocol):
    """A handle names one account for ever."""

    def create(
        self, call: Call, users: Sequence[StoredUser], outbox: Sequence[OutboxRow], bucket: int
    ) -> list[StoredUser | None]:
        """Stores those whose folded handle is free, each with the outbox row of the same place, or not at all.

        Answers, for each, None where it was stored, or the account that has the handle. A call that dies may leave a
        handle taken; whoever meets it then finds the account that took it whole.
        """
        ...

    def get_many(self, call: Call, user_ids: Sequence[int]) -> list[StoredUser]: ...

    def find_handles(self, call: Call, folded: Sequence[str]) -> dict[str, int]:
        """Folded handle to user id, for those that exist."""
        ...

    def sample(self, call: Call, limit: int) -> list[int]:
        """Ids of `limit` users, or of all where there are fewer, in no order that means anything."""
        ...
