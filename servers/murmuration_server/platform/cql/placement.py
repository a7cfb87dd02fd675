"""Which nodes hold a row."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence

from cassandra.cmurmur3 import murmur3

from murmuration_server.platform.cql.session import CqlSession

OfKey = Callable[[bytes], Hashable]
"""An encoded partition key to something that is equal for keys with the same replicas."""


class ReplicaSets:
    """Groups keys by their replicas as the cluster is now.

    Only for speed: a row that is grouped wrongly, because nodes come or go or because a ScyllaDB keyspace is split into
    tablets and not along the ring, is passed on by the node that gets it.
    """

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self._known: tuple[object, OfKey] = (None, _all_alike)

    def current(self) -> OfKey:
        metadata = self._session.driver.cluster.metadata
        ring = metadata.token_map
        if ring is not self._known[0]:
            self._known = ring, self._grouping(ring)
        return self._known[1]

    def _grouping(self, ring: object) -> OfKey:
        cluster = self._session.driver.cluster
        local = [host for host in cluster.metadata.all_hosts() if host.datacenter == self._session.settings.datacenter]
        keyspace = self._session.settings.keyspace
        tokens = list(getattr(ring, "ring", ()))
        replicas = [_names(cluster.metadata.token_map.get_replicas(keyspace, token)) for token in tokens]
        if len(set(replicas)) <= 1 or len(local) <= len(replicas[0]):
            return _all_alike
        values = [token.value for token in tokens]

        def of_key(key: bytes) -> Hashable:
            # A ring's token stands for the range that ends with it.
            return replicas[bisect_left(values, murmur3(key)) % len(values)]

        return of_key


def _all_alike(_key: bytes) -> Hashable:
    """Every node holds everything."""
    return None


def _names(hosts: Sequence[object]) -> frozenset[str]:
    return frozenset(str(getattr(host, "endpoint", host)) for host in hosts)
