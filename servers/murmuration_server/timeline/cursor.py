"""Cursors of home walks: signed, bound to reader and query, good for a day."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from murmuration_server.platform.errors import InvalidPageToken
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.runtime import Runtime

_LAYOUT = struct.Struct("<2sqqBqiqq")
_PURPOSE = b"h1"


@dataclass(frozen=True, slots=True)
class Query:
    """What a walk is over. `since_id`: only greater ids."""

    reader_id: int
    since_id: int
    exclude_replies: bool
    exclude_reposts: bool

    def flags(self) -> int:
        return int(self.exclude_replies) | int(self.exclude_reposts) << 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a walk goes on: at ids below `before_id`, which is how far candidates have been decided, shown or not.
    `from_id`: where it ends (the horizon, as of its first page). `counted`: entries of the home passed so far."""

    before_id: int
    from_id: int
    counted: int


class Cursors:
    def __init__(self, keys: SigningKeys, runtime: Runtime, max_age_ms: int) -> None:
        self._keys, self._runtime, self._max_age_ms = keys, runtime, max_age_ms

    def seal(self, query: Query, cursor: Cursor) -> str:
        payload = _LAYOUT.pack(
            _PURPOSE,
            query.reader_id,
            query.since_id,
            query.flags(),
            cursor.before_id,
            cursor.counted,
            cursor.from_id,
            self._runtime.now_ms(),
        )
        return self._keys.sign(payload)

    def open(self, query: Query, token: str) -> Cursor:
        """Raises `InvalidPageToken` where it is forged, expired, or of another reader or query."""
        payload = self._keys.open(token)
        if len(payload) != _LAYOUT.size:
            raise InvalidPageToken
        purpose, reader, since, flags, before, counted, from_id, made_ms = _LAYOUT.unpack(payload)
        asked = (_PURPOSE, query.reader_id, query.since_id, query.flags())
        if (purpose, reader, since, flags) != asked or self._runtime.now_ms() - made_ms > self._max_age_ms:
            raise InvalidPageToken
        return Cursor(before, from_id, counted)
