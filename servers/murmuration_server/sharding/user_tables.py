"""Which CQL tables hold rows of a user, and by which partition keys: declared by each service beside its tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Owner:
    """What partition keys are made of. `follower_shards`: into how many his followers are divided."""

    user_id: int
    handle: str
    follower_shards: int
    now_ms: int


def by_user_id(owner: Owner) -> Iterable[tuple[object, ...]]:
    """For tables whose partition key is the user's id."""
    return [(owner.user_id,)]


@dataclass(frozen=True, slots=True)
class UserTable:
    """`key`: the columns of the partition key, in its order. `partitions`: their values, for each partition that may
    hold rows of the user."""

    name: str
    key: tuple[str, ...]
    partitions: Callable[[Owner], Iterable[tuple[object, ...]]] = by_user_id
