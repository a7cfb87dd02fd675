"""The ring of tokens of a CQL database: which token a partition key has, and which nodes hold what has a token."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence

from cassandra.cmurmur3 import murmur3
from cassandra.metadata import Murmur3Token

from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Statement
from murmuration_server.sharding.user_tables import UserTable

OfKey = Callable[[bytes], Hashable]
"""An encoded partition key to something that is equal for keys with the same replicas."""

_TABLETS = Statement("SELECT initial_tablets FROM system_schema.scylla_keyspaces WHERE keyspace_name = ?")


class CqlRing:
    """Of the session's keyspace, as its driver knows the cluster now. Nodes that are down are on it as well."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def has_tablets(self, call: Call) -> bool:
        """Whether the keyspace is one of ScyllaDB's with tablets: then `replicas` does not hold for it."""
        schema = self._session.driver.cluster.metadata.keyspaces["system_schema"]
        if "scylla_keyspaces" not in schema.tables:
            return False
        # There is no row for a keyspace without anything that is ScyllaDB's own.
        row = self._session.row(call, _TABLETS, self._session.settings.keyspace)
        return row is not None and row[0] is not None

    def token(self, table: UserTable, values: Sequence[object]) -> int:
        """Of the partition whose key has these values, in the key's order. Raises `Unavailable` where no node answers,
        which is asked for their types."""
        wanted = " AND ".join(f"{column} = ?" for column in table.key)
        prepared = self._session.prepare(Statement(f"SELECT {table.key[0]} FROM {table.name} WHERE {wanted}"))
        return _token(prepared.bind(values).routing_key)

    def replicas(self, token: int) -> tuple[str, ...]:
        """host:port of each node that holds what has this token."""
        ring = self._session.driver.cluster.metadata.token_map
        return tuple(_name(host) for host in ring.get_replicas(self._session.settings.keyspace, Murmur3Token(token)))


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
        replicas = [frozenset(map(_name, cluster.metadata.token_map.get_replicas(keyspace, token))) for token in tokens]
        if len(set(replicas)) <= 1 or len(local) <= len(replicas[0]):
            return _all_alike
        values = [token.value for token in tokens]

        def of_key(key: bytes) -> Hashable:
            # A ring's token stands for the range that ends with it.
            return replicas[bisect_left(values, _token(key)) % len(values)]

        return of_key


def _token(key: bytes) -> int:
    token: int = murmur3(key)
    return token


def _all_alike(_key: bytes) -> Hashable:
    """Every node holds everything."""
    return None


def _name(host: object) -> str:
    """host:port."""
    return str(getattr(host, "endpoint", host))
