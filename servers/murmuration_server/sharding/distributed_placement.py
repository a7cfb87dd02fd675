"""Placement where rows lie on the nodes of a CQL database, and cache entries on Memcached nodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import NoCacheRing
from murmuration_server.sharding.cql_ring import CqlRing
from murmuration_server.sharding.placement import CacheNodes, Partition, Placed, Rings, Scheme
from murmuration_server.sharding.user_tables import Owner, UserTable

MAX_PARTITIONS = 1000
"""In one answer; followers of an author with tens of millions of them lie in more."""


class DistributedPlacement:
    """`tables`: those of all services that hold rows of users."""

    def __init__(self, ring: CqlRing, tables: Sequence[UserTable], nodes: CacheNodes) -> None:
        self._ring, self._tables, self._nodes = ring, tables, nodes

    def locate(self, call: Call, owner: Owner) -> Placed:
        tablets = self._ring.has_tablets(call)
        keys = self._keys(owner)
        listed = [self._partition(table, values, tablets) for table, values in islice(keys, MAX_PARTITIONS)]
        return Placed(
            Scheme.TABLETS if tablets else Scheme.TOKEN_RING,
            partitions=listed,
            left_out=sum(1 for _ in keys),
            cache_node=self._nodes.locate(call, owner.user_id),
        )

    def rings(self, call: Call) -> Rings:
        rings = self._nodes.rings(call)
        if rings is None:
            raise NoCacheRing
        return rings

    def _keys(self, owner: Owner) -> Iterator[tuple[UserTable, tuple[object, ...]]]:
        """Tables with one partition of his first: those are never left out."""
        found = [(table, list(table.partitions(owner))) for table in self._tables]
        for table, keys in sorted(found, key=lambda pair: len(pair[1])):
            for values in keys:
                yield table, values

    def _partition(self, table: UserTable, values: tuple[object, ...], tablets: bool) -> Partition:
        token = self._ring.token(table, values)
        named = tuple((column, str(value)) for column, value in zip(table.key, values, strict=True))
        return Partition(table.name, named, token, () if tablets else self._ring.replicas(token))
