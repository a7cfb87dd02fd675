"""The port that says where what belongs to a user lies: which nodes hold his rows, and which his cache entries."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

from murmuration_server.platform.call import Call
from murmuration_server.sharding.user_tables import Owner

if TYPE_CHECKING:
    # Its library is there only where there are cache nodes.
    from murmuration_server.sharding.memcached_ring import Ring


class Scheme(enum.Enum):
    """How a store decides which node holds a row."""

    FILES = enum.auto()
    """There are no nodes."""
    TOKEN_RING = enum.auto()
    TABLETS = enum.auto()
    """ScyllaDB's: parts of each table are placed one by one, and the ring of tokens does not tell where."""


@dataclass(frozen=True, slots=True)
class Partition:
    """`key`: (column, value) in the key's order. `replicas`: host:port; none where the scheme is not the ring's."""

    table: str
    key: tuple[tuple[str, str], ...]
    token: int
    replicas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CacheNode:
    """Where a user's entries are kept. `status`: in, out or back. `also_written`: the other node to which his entries
    are written while nodes are added or removed; empty where there is none."""

    node: str
    status: str
    generation: int
    also_written: str = ""


class Rings(NamedTuple):
    """The rings of cache nodes: the one that is read, and while nodes are added or removed the one that is written as
    well."""

    reading: Ring
    also_written: Ring | None


@dataclass(frozen=True, slots=True)
class Placed:
    """`files`: names in the data folder, where the scheme is FILES. `left_out`: partitions that are not listed, because
    there are too many. `cache_node` is None where there are no cache nodes."""

    scheme: Scheme
    files: Sequence[str] = ()
    partitions: Sequence[Partition] = ()
    left_out: int = 0
    cache_node: CacheNode | None = None


class CacheNodes(Protocol):
    """What a cache over nodes tells of them; None where there are none. Raises `Unavailable` where their states are not
    known."""

    def locate(self, call: Call, ring_id: int) -> CacheNode | None: ...

    def rings(self, call: Call) -> Rings | None: ...


class Placement(Protocol):
    """Of one system. It says where things lie by rule; it does not look whether they are there."""

    def locate(self, call: Call, owner: Owner) -> Placed:
        """Raises `Unavailable` where a node must be asked and none answers."""
        ...

    def rings(self, call: Call) -> Rings:
        """Raises `NoCacheRing` where there are no cache nodes, `Unavailable`."""
        ...
