"""What would move if cache nodes were added or removed. Nothing is changed: nodes come and go by configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from murmuration_server.cache.cluster_state import MAX_NODES
from murmuration_server.cache.members import DNS
from murmuration_server.platform.config import is_address
from murmuration_server.platform.errors import InvalidField
from murmuration_server.sharding.placement import Rings


class Move(NamedTuple):
    user_id: int
    from_node: str
    to_node: str


@dataclass(frozen=True, slots=True)
class RingPreview:
    """`before`, `after`: node to its share of all keys. `moved_share`: of all keys, between 0 and 1. `moves`: of the
    users that were asked about."""

    before: Mapping[str, float]
    after: Mapping[str, float]
    moved_share: float
    moves: Sequence[Move]
    change_under_way: bool


def preview_ring(rings: Rings, add: Sequence[str], remove: Sequence[str], user_ids: Sequence[int]) -> RingPreview:
    """From the ring that is read now to one with other nodes. Raises `InvalidField`."""
    # Its library is there only where there are cache nodes.
    from murmuration_server.sharding.memcached_ring import Ring, moved_share, shares

    old = rings.reading
    new = Ring(_nodes_after(old.nodes, add, remove))
    owners = [(user_id, old.owner(user_id), new.owner(user_id)) for user_id in user_ids]
    return RingPreview(
        shares(old),
        shares(new),
        moved_share(old, new),
        [Move(user_id, before, after) for user_id, before, after in owners if before != after],
        change_under_way=rings.also_written is not None,
    )


def _nodes_after(nodes: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> list[str]:
    if not add and not remove:
        raise InvalidField("add_nodes, remove_nodes", "name a node to add or to remove")
    for node in add:
        if node.startswith(DNS) or not is_address(node):
            raise InvalidField("add_nodes", f"{node} is not host:port, as nodes are named on the ring")
        if node in nodes:
            raise InvalidField("add_nodes", f"{node} is on the ring already")
    for node in remove:
        if node not in nodes:
            raise InvalidField("remove_nodes", f"{node} is not on the ring, which has {', '.join(nodes)}")
    after = sorted({*nodes, *add} - {*remove})
    if not 1 <= len(after) <= MAX_NODES:
        raise InvalidField("add_nodes, remove_nodes", f"{len(after)} nodes would be left; between 1 and {MAX_NODES}")
    return after
