"""Graphs loaded in bulk: accounts by handle, then follows between handles."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.graph.client import GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import InvalidField, UserNotFound
from murmuration_server.users.client import UserClient

RESOLVED_AT_ONCE = 500


class GraphImport:
    """One import: handles that it has met are kept as they were written, so each spelling is looked up once."""

    def __init__(self, users: UserClient, graph: GraphClient) -> None:
        self._users, self._graph = users, graph
        self._ids: dict[str, int] = {}
        self.users_created = self.users_found = 0
        self.follows_created = self.follows_found = 0

    def add_users(self, call: Call, names: Sequence[tuple[str, str]]) -> None:
        if not names:
            return
        ids, created = self._users.import_many(call, names)
        self._ids.update((handle, user_id) for (handle, _), user_id in zip(names, ids, strict=True))
        self.users_created += created
        self.users_found += len(names) - created

    def add_follows(self, call: Call, followers: Sequence[str], followees: Sequence[str]) -> None:
        """Line by line who follows whom. Raises `UserNotFound`, or `InvalidField` where somebody would follow himself;
        what earlier messages brought stands."""
        if not followers:
            return
        self._resolve(call, {*followers, *followees} - self._ids.keys())
        follower_ids, followee_ids = self._known(followers), self._known(followees)
        for handle, one, other in zip(followers, follower_ids, followee_ids, strict=True):
            if one == other:
                raise InvalidField("follows", f"{handle} cannot follow himself")
        created = self._graph.import_follows(call, follower_ids, followee_ids)
        self.follows_created += created
        self.follows_found += len(followers) - created

    def _known(self, handles: Sequence[str]) -> list[int]:
        try:
            return [self._ids[handle] for handle in handles]
        except KeyError as error:
            raise UserNotFound(error.args[0]) from None

    def _resolve(self, call: Call, unknown: set[str]) -> None:
        handles = sorted(unknown)
        for start in range(0, len(handles), RESOLVED_AT_ONCE):
            self._ids.update(self._users.resolve(call, handles[start : start + RESOLVED_AT_ONCE]))
