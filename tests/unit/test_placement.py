"""What a placement answers where it does not depend on a server: tablets, and users with very many partitions."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import NoCacheRing
from murmuration_server.roles.cql import USER_TABLES
from murmuration_server.sharding.cql_ring import CqlRing
from murmuration_server.sharding.distributed_placement import MAX_PARTITIONS, DistributedPlacement
from murmuration_server.sharding.embedded_placement import EmbeddedPlacement
from murmuration_server.sharding.placement import CacheNode, Placed, Scheme
from murmuration_server.sharding.user_tables import Owner
from tests.support.contract_clock import START_MS, SetClock
from tests.support.factories import id_at

CALL = Call.background(SetClock())


def placed(shards: int, *, tablets: bool = False) -> Placed:
    """By rings of nobody's: all tokens and all replicas are alike."""
    ring: Any = SimpleNamespace(
        has_tablets=lambda _call: tablets, token=lambda _table, _values: 7, replicas=lambda _token: ("a:1",)
    )
    nodes: Any = SimpleNamespace(locate=lambda _call, _id: CacheNode("c:1", "in", 1))
    owner = Owner(id_at(START_MS), "Alice", shards, START_MS)
    return DistributedPlacement(ring, USER_TABLES, nodes).locate(CALL, owner)


def test_with_tablets_no_replicas_are_told() -> None:
    found = placed(1, tablets=True)
    assert found.scheme is Scheme.TABLETS
    assert all(partition.replicas == () and partition.token == 7 for partition in found.partitions)
    ring = placed(1)
    assert ring.scheme is Scheme.TOKEN_RING
    assert all(partition.replicas == ("a:1",) for partition in ring.partitions)


@pytest.mark.parametrize(
    ("tables", "row", "expected"),
    [
        ([], None, False),  # Cassandra
        (["scylla_keyspaces"], None, False),  # ScyllaDB, a keyspace without tablets
        (["scylla_keyspaces"], (None,), False),
        (["scylla_keyspaces"], (0,), True),  # it chooses how many
        (["scylla_keyspaces"], (128,), True),
    ],
)
def test_whether_there_are_tablets(tables: list[str], row: tuple[object, ...] | None, expected: bool) -> None:
    """As ScyllaDB's documents and tests tell of system_schema.scylla_keyspaces; it cannot be run here."""
    schema = SimpleNamespace(tables=dict.fromkeys(tables))
    metadata = SimpleNamespace(keyspaces={"system_schema": schema})
    session: Any = SimpleNamespace(
        settings=SimpleNamespace(keyspace="murmuration"),
        driver=SimpleNamespace(cluster=SimpleNamespace(metadata=metadata)),
        row=lambda _call, _statement, _keyspace: row,
    )
    assert CqlRing(session).has_tablets(CALL) is expected


def test_of_very_many_partitions_some_are_left_out() -> None:
    few = placed(3)
    assert few.left_out == 0
    assert sum(partition.table == "followers" for partition in few.partitions) == 3
    many = placed(5 * MAX_PARTITIONS)
    assert len(many.partitions) == MAX_PARTITIONS
    assert many.left_out == len(few.partitions) - 3 + 5 * MAX_PARTITIONS - MAX_PARTITIONS
    assert {partition.table for partition in many.partitions} == {table.name for table in USER_TABLES}


def test_partitions_are_named_by_their_columns() -> None:
    by_table = {partition.table: partition.key for partition in placed(1).partitions}
    user_id = str(id_at(START_MS))
    assert by_table["handles"] == (("folded", "alice"),)
    assert by_table["followers"] == (("user_id", user_id), ("shard", "0"))
    assert by_table["home"] == (("user_id", user_id),)


def test_on_one_machine_there_are_files_and_no_ring() -> None:
    placement = EmbeddedPlacement(["users.sqlite"])
    found = placement.locate(CALL, Owner(1, "alice", 1, START_MS))
    assert (found.scheme, found.files, found.cache_node) == (Scheme.FILES, ("users.sqlite",), None)
    with pytest.raises(NoCacheRing):
        placement.rings(CALL)


def test_without_cache_nodes_there_is_no_ring() -> None:
    ring: Any = SimpleNamespace(has_tablets=lambda _call: False)
    nodes: Any = SimpleNamespace(locate=lambda _call, _id: None, rings=lambda _call: None)
    placement = DistributedPlacement(ring, [], nodes)
    assert placement.locate(CALL, Owner(1, "alice", 1, START_MS)).cache_node is None
    with pytest.raises(NoCacheRing):
        placement.rings(CALL)
