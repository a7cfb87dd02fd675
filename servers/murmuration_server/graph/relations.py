"""All that decides what one user is shown, as one value: whom he follows and how, mutes, blocks, is blocked by."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

NOT_BACKFILLED = 2**63 - 1
"""A follow whose posts are not yet written into the follower's home: all of the followee's posts are pulled."""

_HEADER = struct.Struct("<IIII?")


@dataclass(frozen=True)
class Relations:
    """`following` maps a followee to the id from which on the home holds his posts (`NOT_BACKFILLED`: none of them).

    `blocked_by_complete` is False where more users block this one than an entry holds.
    """

    following: Mapping[int, int]
    reposts_hidden: frozenset[int]
    muted: frozenset[int]
    blocking: frozenset[int]
    blocked_by: frozenset[int]
    blocked_by_complete: bool = True

    @cached_property
    def barred(self) -> frozenset[int]:
        """Whoever the user blocks or is known to be blocked by."""
        return self.blocking | self.blocked_by

    @cached_property
    def not_backfilled(self) -> tuple[int, ...]:
        return tuple(sorted(author for author, since in self.following.items() if since == NOT_BACKFILLED))

    @cached_property
    def floors(self) -> tuple[tuple[int, int], ...]:
        """(id, followee) of those whose posts below that id are not in the home, the greatest id first."""
        partly = [(since, author) for author, since in self.following.items() if 0 < since < NOT_BACKFILLED]
        return tuple(sorted(partly, reverse=True))

    @cached_property
    def visible(self) -> frozenset[int]:
        """Those whose posts are shown: followed, and neither muted nor barred."""
        return self.followees - self.muted - self.barred

    @cached_property
    def followees(self) -> frozenset[int]:
        return frozenset(self.following)


NOBODY = Relations({}, frozenset(), frozenset(), frozenset(), frozenset())


def encode(relations: Relations) -> bytes:
    """16 bytes a followee, 8 bytes each other relation."""
    header = _HEADER.pack(
        len(relations.following),
        len(relations.reposts_hidden),
        len(relations.muted),
        len(relations.blocking),
        relations.blocked_by_complete,
    )
    parts: list[Iterable[int]] = [
        relations.following.keys(),
        relations.following.values(),
        sorted(relations.reposts_hidden),
        sorted(relations.muted),
        sorted(relations.blocking),
        sorted(relations.blocked_by),
    ]
    return header + b"".join([array("q", part).tobytes() for part in parts])


def decode(data: bytes) -> Relations:
    following, hidden, muted, blocking, complete = _HEADER.unpack_from(data)
    numbers = array("q")
    numbers.frombytes(data[_HEADER.size :])
    position = 0

    def take(count: int) -> array[int]:
        nonlocal position
        position += count
        return numbers[position - count : position]

    authors, since = take(following), take(following)
    return Relations(
        dict(zip(authors, since, strict=True)),
        frozenset(take(hidden)),
        frozenset(take(muted)),
        frozenset(take(blocking)),
        frozenset(take(len(numbers) - position)),
        complete,
    )
