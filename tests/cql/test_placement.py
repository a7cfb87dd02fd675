"""Where users live, on a real database and real cache nodes: what is named really holds what it is named for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from murmuration.admin.v1 import admin_pb2, admin_pb2_grpc
from murmuration.v1 import (
    graph_pb2,
    graph_pb2_grpc,
    timeline_pb2,
    timeline_pb2_grpc,
    tweet_pb2,
    tweet_pb2_grpc,
    user_pb2,
    user_pb2_grpc,
)
from murmuration_server.cache.memcached import MemcachedNode
from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.cache.open_cluster import open_memcached
from murmuration_server.cache.port import CacheKey
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.client import relations_kind
from murmuration_server.graph.stores.cql import CqlGraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS, MemcachedSettings, Settings
from murmuration_server.platform.cql.statement import Statement
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.lease_stores.cql import CqlLeaseStore
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.stubs import invoke
from murmuration_server.roles.cql import SCHEMAS, USER_TABLES, open_placement
from murmuration_server.roles.serving import ServingPorts, build_serving
from murmuration_server.sharding.cql_ring import CqlRing
from murmuration_server.timeline.heads import CachedHeads
from murmuration_server.timeline.stores.cql import CqlHomeStateStore, CqlHomeStore
from murmuration_server.tweets.entries import recent_kind
from murmuration_server.tweets.stores.cql import CqlTweetStore
from murmuration_server.users.stores.cql import CqlUserStore
from tests.support.factories import post
from tests.support.real_cassandra import cassandra_node, cql_session, empty
from tests.support.real_memcached import memcached_nodes

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

CALL_SECONDS = 300
HEAD_ENTRIES = 20
SHARDED = Settings.model_validate({"graph": {"followers_per_shard": 1}})


class System:
    """A serving process on the database and the cache nodes."""

    def __init__(self, folder: Path) -> None:
        self.session, self.runtime, metrics = empty(SCHEMAS), ThreadRuntime(), Metrics()
        self._states = SqliteNodeStateStore(folder / "nodes.db", self.runtime)
        self._log = SqliteEventLog(folder / "log.db", self.runtime, 2)
        self.nodes = tuple(node.address for node in memcached_nodes())
        memcached = MemcachedSettings(nodes=self.nodes)
        self.cluster = open_memcached(lambda: memcached, self._states, self.runtime, metrics)
        self.cluster.keeper.run_once(self.call())
        cache = self.cluster.cache
        self.homes = CachedHeads(
            CqlHomeStore(self.session, SHARDED.timeline.horizon_ms),
            cache,
            self.runtime,
            SHARDED.timeline,
            HEAD_ENTRIES,
        )
        self.home_states = CqlHomeStateStore(self.session)
        ports = ServingPorts(
            users=CqlUserStore(self.session),
            graph=CqlGraphStore(self.session),
            tweets=CqlTweetStore(self.session, DAY_MS),
            states=self.home_states,
            homes=self.homes,
            log=self._log,
            leases=CqlLeaseStore(self.session),
            cache=cache,
            keys=SigningKeys(((1, bytes(32)),)),
            placement=open_placement(self.session, cache),
            alone=False,
        )
        serving = build_serving(ports, SHARDED, self.runtime, metrics, "test")
        serving.view.run_once(self.call())
        channel = InProcessChannel(serving.public)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.users = user_pb2_grpc.UserServiceStub(channel)
        self.graph = graph_pb2_grpc.GraphServiceStub(channel)
        self.tweets = tweet_pb2_grpc.TweetServiceStub(channel)
        self.timeline = timeline_pb2_grpc.TimelineServiceStub(channel)

    def call(self, actor_id: int = 0) -> Call:
        return replace(Call.background(self.runtime, CALL_SECONDS), actor_id=actor_id)

    def create(self, handle: str) -> int:
        return invoke(self.call(), self.users.CreateUser, user_pb2.CreateUserRequest(handle=handle)).user.user_id

    def follow(self, follower: int, followee: int) -> None:
        invoke(self.call(follower), self.graph.FollowUser, graph_pb2.FollowUserRequest(user_id=followee))

    def read_home(self, user_id: int) -> None:
        invoke(self.call(user_id), self.timeline.ListHomeTimeline, timeline_pb2.ListHomeTimelineRequest())

    def locate(self, handle: str) -> admin_pb2.UserLocation:
        return invoke(self.call(), self.admin.LocateUser, admin_pb2.LocateUserRequest(handle=handle)).location

    def close(self) -> None:
        self.cluster.cache.close()
        self._states.close()
        self._log.close()


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    made = System(tmp_path)
    yield made
    made.close()


def live(system: System, handle: str) -> int:
    """An account with rows in every table that holds rows of users."""
    user_id, friend, foe, fan = (system.create(name) for name in (handle, "friend", "foe", "fan"))
    system.follow(user_id, friend)
    system.follow(fan, user_id)
    # In which shard a follower lies is a matter of his id.
    for number in itertools.count():
        if system.locate(handle).delivery.follower_shards > 1:
            break
        system.follow(system.create(f"fan{number}"), user_id)
    invoke(system.call(user_id), system.graph.MuteUser, graph_pb2.MuteUserRequest(user_id=fan))
    invoke(system.call(foe), system.graph.BlockUser, graph_pb2.BlockUserRequest(user_id=user_id))
    invoke(system.call(user_id), system.tweets.CreateTweet, tweet_pb2.CreateTweetRequest(text="Hello"))
    pinned = admin_pb2.SetAuthorModeRequest(user_id=user_id, mode=tweet_pb2.DELIVERY_MODE_PUSH)
    invoke(system.call(), system.admin.SetAuthorMode, pinned)
    seen = invoke(system.call(friend), system.tweets.CreateTweet, tweet_pb2.CreateTweetRequest(text="Hi")).tweet
    system.homes.write(system.call(), [(user_id, post(seen.tweet_id, friend).candidate)])
    system.home_states.touch(system.call(), user_id, system.runtime.now_ms())
    return user_id


def cached(found: admin_pb2.UserLocation) -> set[str]:
    return {name for name in found.cache_entries.DESCRIPTOR.fields_by_name if getattr(found.cache_entries, name)}


def test_keys_are_those_of_the_tables() -> None:
    session = cql_session()
    tables = session.driver.cluster.metadata.keyspaces[session.settings.keyspace].tables
    for table in USER_TABLES:
        assert table.key == tuple(column.name for column in tables[table.name].partition_key), table.name


def test_a_database_without_tablets_has_none() -> None:
    session = cql_session()
    assert not CqlRing(session).has_tablets(Call.background(session.runtime))
    # As ScyllaDB's table is asked: one that has its keyspace in front.
    assert len(session.rows(Call.background(session.runtime), Statement("SELECT key FROM system.local"))) == 1


def test_the_replicas_that_are_named_hold_the_rows(system: System) -> None:
    user_id = live(system, "Alice")
    found = system.locate("alice")
    node = cassandra_node()
    driver = system.session.driver
    hosts = {str(host.endpoint): host for host in driver.cluster.metadata.all_hosts()}
    assert (found.user_id, found.scheme) == (user_id, admin_pb2.PLACEMENT_SCHEME_TOKEN_RING)
    assert {partition.table for partition in found.partitions} == {table.name for table in USER_TABLES}
    held: dict[str, int] = {}
    for partition in found.partitions:
        assert list(partition.replicas) == [f"{node.host}:{node.port}"]
        quote = "'" if partition.table == "handles" else ""
        key = [(column.name, f"{quote}{column.value}{quote}") for column in partition.key]
        where = " AND ".join(f"{name} = {value}" for name, value in key)
        columns = ", ".join(name for name, _ in key)
        query = f"SELECT token({columns}) FROM {partition.table} WHERE {where}"
        rows = list(driver.execute(query, host=hosts[partition.replicas[0]]))
        assert all(row[0] == partition.token for row in rows), partition.table
        held[partition.table] = held.get(partition.table, 0) + len(rows)
    assert all(held.values()), held
    shards = [partition for partition in found.partitions if partition.table == "followers"]
    assert len(shards) == found.delivery.follower_shards > 1
    assert held["followers"] == found.delivery.followers


def test_the_node_that_is_named_holds_the_entries(system: System) -> None:
    user_id = live(system, "alice")
    assert cached(system.locate("alice")) == set()
    system.read_home(user_id)
    found = system.locate("alice")
    named = found.cache_node
    assert cached(found) == {"home_head", "home_state", "relations", "recent"}
    assert named.status == admin_pb2.UserCacheNode.STATUS_IN
    names = (
        f"head.1:{user_id}",
        f"home_state.1:{user_id}",
        relations_kind(lambda *_: {}).key(user_id).name,
        recent_kind(lambda *_: {}).key(user_id).name,
    )
    keys = [CacheKey(user_id, f"{named.generation:x}:{name}") for name in names]
    for address in system.nodes:
        store = MemcachedNode(address, system.runtime, MemcachedSettings())
        assert len(store.get_many(system.call(), keys)) == (len(keys) if address == named.node else 0)
        store.close()


def test_a_preview_names_the_nodes_of_now(system: System) -> None:
    ids = {system.create(f"user{number}") for number in range(30)}
    request = admin_pb2.PreviewRingRequest(add_nodes=["10.0.0.4:11211"])
    found = invoke(system.call(), system.admin.PreviewRing, request)
    assert [each.node for each in found.nodes_before] == sorted(system.nodes)
    assert found.users == len(ids)
    assert found.moved_share <= 1.2 / (len(system.nodes) + 1)
    assert found.moves
    assert {move.user_id for move in found.moves} < ids
    for move in found.moves:
        held = system.cluster.cache.locate(system.call(), move.user_id)
        assert held is not None
        assert move.from_node == held.node
        assert move.to_node == "10.0.0.4:11211"
