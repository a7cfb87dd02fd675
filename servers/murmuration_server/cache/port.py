"""The cache port: bytes by key, spread over nodes by a ring id; anything may vanish at any moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple, Protocol

from murmuration_server.platform.call import Call


class CacheKey(NamedTuple):
    """`ring_id` (a user's or a post's id) chooses the node, so all of one user's entries lie on one node."""

    ring_id: int
    name: str


class Cached(NamedTuple):
    """A value and the token that `cas_many` wants."""

    value: bytes
    token: int


class Replacement(NamedTuple):
    """What `cas_many` puts in the place of the entry that the token was given for."""

    value: bytes
    token: int
    ttl_seconds: float


class Watched(Protocol):
    """Some entries, as they were when their tokens were given."""

    def unchanged(self, call: Call) -> bool:
        """Whether each of them is there and still the one that its token was given for. False also where that is not
        known. Asks each node once and moves no values."""
        ...


class CacheStore(Protocol):
    """A failed read is a miss; a failed write is not silent: it raises `Unavailable`.

    `add_many` and `cas_many` answer which keys they surely stored: each is by itself, and where a node fails it is
    unknown of its keys. That does no harm: who fills leaves it, who edits deletes then. What `set`, `delete` and
    `prepend_many` have answered is seen by every read that begins afterwards, or the entry is gone for it. A store may
    round `ttl_seconds` up to whole seconds. Key names are short printable ASCII.
    """

    def get_many(self, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:
        """Asks each node once. Keys that are not there are left out."""
        ...

    def add_many(self, call: Call, values: Mapping[CacheKey, bytes], ttl_seconds: float) -> Set[CacheKey]:
        """Stores only where nothing is; answers the keys for which it did. Asks each node once."""
        ...

    def set(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> None:
        """Only for contents that no later write of anybody's can contradict."""
        ...

    def cas_many(self, call: Call, replacements: Mapping[CacheKey, Replacement]) -> Set[CacheKey]:
        """Stores only where the entry is still the one that the token was given for; answers the keys for which it
        did. Asks each node once."""
        ...

    def prepend_many(self, call: Call, values: Mapping[CacheKey, bytes]) -> None:
        """Puts each value in front of what is there, which voids tokens and keeps the entry's time; nothing where no
        entry is. Where this raises, some may have been put there, and when it is repeated they are there twice."""
        ...

    def delete(self, call: Call, key: CacheKey) -> None:
        """Deleting what is not there is done already."""
        ...

    def flush(self, call: Call) -> None: ...

    def watch(self, tokens: Mapping[CacheKey, int]) -> Watched:
        """Asks nobody yet."""
        ...
