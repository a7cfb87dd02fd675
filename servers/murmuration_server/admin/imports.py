"""Graphs loaded in bulk: accounts by handle, then follows between handles."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.graph.client import GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import InvalidField, UserNotFound
from murmuration_server.users.client import UserClient

RESOLVED_AT_ONCE = 500


class GraphImport:
    """One import: handles that it has met are kept, so each is looked up once."""

    def __init__(self, users: UserClient, graph: GraphClient) -> None:
        self._users, self._graph = users, graph
        self._ids: dict[str, int] = {}
        self.users_created = self.users_found = 0
        self.follows_created = self.follows_found = 0

    def add_users(self, call: Call, names: Sequence[tuple[str, str]]) -> None:
        if not names:
            return
        ids, created = self._users.import_many(call, names)
        self._ids.update((handle.lower(), user_id) for (handle, _), user_id in zip(names, ids, strict=True))
        self.users_created += created
        self.users_found += len(names) - created

    def add_follows(self, call: Call, lines: Sequence[tuple[str, str]]) -> None:
        """Raises `UserNotFound`, or `InvalidField` where somebody would follow himself; the lines before stand."""
        if not lines:
            return
        self._resolve(call, {handle for line in lines for handle in line})
        pairs = [(self._id(follower), self._id(followee)) for follower, followee in lines]
        for (follower, _), (one, other) in zip(lines, pairs, strict=True):
            if one == other:
                raise InvalidField("follows", f"{follower} cannot follow himself")
        created = self._graph.import_follows(call, pairs)
        self.follows_created += created
        self.follows_found += len(pairs) - created

    def _id(self, handle: str) -> int:
        try:
            return self._ids[handle.lower()]
        except KeyError:
            raise UserNotFound(handle) from None

    def _resolve(self, call: Call, handles: set[str]) -> None:
        unknown = sorted(handle for handle in handles if handle.lower() not in self._ids)
        for start in range(0, len(unknown), RESOLVED_AT_ONCE):
            found = self._users.resolve(call, unknown[start : start + RESOLVED_AT_ONCE])
            self._ids.update((handle.lower(), user_id) for handle, user_id in found.items())
