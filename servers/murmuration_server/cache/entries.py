"""What is cached: kinds of entries, each with its key, its codec and how it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, TypeVar

from murmuration_server.cache.port import CacheKey
from murmuration_server.platform.call import Call

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Kind(Generic[T]):
    """One kind of entry. `version` is part of every key: a changed codec reads nothing that the old one wrote.

    `load_many` reads the store for the ids that missed and leaves out what does not exist. `keep_parsed` keeps the
    decoded value in the process for as long as the entry's tag is the one it was decoded from. `local_seconds`: for how
    long the process may use a value without asking the cache at all; only for what never changes or may be late.
    `left_out`: a call that takes what is at hand goes without those that cannot be loaded.
    `never_changes`: any process may keep it so, also one that does not hear of others' changes.
    """

    name: str
    version: int
    ttl_seconds: float
    load_many: Callable[[Call, Sequence[int]], Mapping[int, T]]
    encode: Callable[[T], bytes]
    decode: Callable[[bytes], T]
    keep_parsed: bool = False
    local_seconds: float = 0.0
    left_out: bool = False
    never_changes: bool = False

    @cached_property
    def prefix(self) -> str:
        return f"{self.name}.{self.version}:"

    def key(self, id_: int) -> CacheKey:
        return CacheKey(id_, f"{self.prefix}{id_}")


class Entry(NamedTuple, Generic[T]):
    """One thing to look up; `id` also chooses the node."""

    kind: Kind[T]
    id: int

    def key(self) -> CacheKey:
        return self.kind.key(self.id)


AnyEntry = Entry[Any]
