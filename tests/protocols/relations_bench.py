"""Processes that change and read relations over one store and one cache, as the real code does."""

from __future__ import annotations

from typing import Any

from murmuration.internal.v1 import graph_pb2, tweet_pb2
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.eventlog.consume import ConsumeStep
from murmuration_server.eventlog.envelope import DEAD_LETTERS, RELATIONS
from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.eventlog.relay import Relay
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.changes import RelationChanges
from murmuration_server.graph.client import GraphClient, Relations
from murmuration_server.graph.service import GraphReadService, GraphRepairService
from murmuration_server.graph.stores.sqlite import SqliteGraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import (
    FanoutSettings,
    GraphSettings,
    OutboxSettings,
    ServerSettings,
    TimelineSettings,
)
from murmuration_server.platform.ids import IdGenerator
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.lease_stores.sqlite import SqliteLeaseStore
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from murmuration_server.platform.server import Dispatcher
from murmuration_server.timeline.backfill import RelationsFollower
from murmuration_server.timeline.stores.sqlite import SqliteHomeStore
from murmuration_server.tweets.client import TweetClient
from murmuration_server.tweets.internal import TweetReadService
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from tests.support.contract_clock import START_MS
from tests.support.scheduled import Hook, Scheduled, Skewed

SETTINGS = GraphSettings(max_following=3, followers_per_shard=2, max_blocks_cached=2)
METRICS = Metrics()
READS = graph_pb2.DESCRIPTOR.services_by_name["GraphReadService"]
POST_READS = tweet_pb2.DESCRIPTOR.services_by_name["TweetReadService"]
REPAIRS = graph_pb2.DESCRIPTOR.services_by_name["GraphRepairService"]


class RelationsBench:
    """To be made inside of a simulation. Stores are in memory; there is one for all processes."""

    def __init__(self, runtime: SimulatedRuntime, rule: BucketRule | None = None) -> None:
        self.runtime = runtime
        self.store = SqliteGraphStore(None, runtime)
        self.leases = SqliteLeaseStore(None, runtime)
        self.cache_store = MemoryCache(runtime)
        self.ids = IdGenerator(runtime, self.leases, "bench")
        self.rule = rule or BucketRule(runtime, OutboxSettings())

    def call(self, offset_ms: int = 0) -> Call:
        clock: Any = Skewed(self.runtime, offset_ms)
        return Call.background(clock, 600)

    def process(self, hook: Hook | None = None) -> Process:
        return Process(self, hook)

    def relations(self, user_id: int) -> Relations:
        """What the store says."""
        return self.store.get_relations(self.call(), [user_id], SETTINGS.max_blocks_cached)[user_id]

    def close(self) -> None:
        self.store.close()
        self.leases.close()


class Process:
    """What one process has for itself: its cache's memory, its channel, its rules."""

    def __init__(self, bench: RelationsBench, hook: Hook | None) -> None:
        runtime = bench.runtime
        store: Any = Scheduled(bench.store, runtime, "graph", hook)
        cache_store: Any = Scheduled(bench.cache_store, runtime, "cache", hook)
        self.cache = Cache(cache_store, runtime, METRICS)
        dispatcher = Dispatcher(runtime, METRICS, ServerSettings())
        self.client = GraphClient(InProcessChannel(dispatcher), self.cache, mode_seconds=1)
        self.changes = RelationChanges(
            store, self.cache, self.client.relations_kind, bench.ids, bench.rule, OutboxQuota(10_000), SETTINGS
        )
        dispatcher.bind(READS, GraphReadService(store, SETTINGS))
        dispatcher.bind(REPAIRS, GraphRepairService(self.changes, store))

    def relations(self, call: Call, user_id: int) -> Relations:
        return self.client.relations(call, user_id)


class Mender:
    """The way from the graph's outbox over the log to the consumer that mends."""

    def __init__(self, bench: RelationsBench, process: Process) -> None:
        self._call = bench.call()
        self.log = SqliteEventLog(None, bench.runtime, 1)
        self._relay = Relay(bench.store, self.log, bench.rule, METRICS)
        self._posts, self._homes = SqliteTweetStore(None, bench.runtime), SqliteHomeStore(None, bench.runtime)
        dispatcher = Dispatcher(bench.runtime, METRICS, ServerSettings())
        dispatcher.bind(POST_READS, TweetReadService(self._posts))
        tweets = TweetClient(InProcessChannel(dispatcher), process.cache, recent_size=10, horizon_ms=10**9)
        follower = RelationsFollower(process.client, tweets, self._homes, METRICS, FanoutSettings(), TimelineSettings())
        self._step = ConsumeStep(self.log, "relations", [RELATIONS], follower, METRICS, batch=10, wait_seconds=0)

    def run(self) -> None:
        """Until all that is in the outbox is consumed."""
        while self._relay.run_once(self._call) or self._step.run_once(self._call):
            pass
        assert self.log.consumer("nobody", [DEAD_LETTERS]).poll(self._call, 1) == []

    def close(self) -> None:
        for thing in (self.log, self._posts, self._homes):
            thing.close()


def simulated(seed: int) -> SimulatedRuntime:
    return SimulatedRuntime(seed, START_MS)
