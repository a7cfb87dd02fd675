"""The parts that work off the log: relays, fan-out, backfills, rebuilds, and the upkeep of homes and the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import grpc

from murmuration.internal.v1 import graph_pb2 as internal_graph
from murmuration.internal.v1 import tweet_pb2 as internal_tweet
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.none import NoCache
from murmuration_server.eventlog.consume import ConsumeStep, Handler
from murmuration_server.eventlog.envelope import LARGE_LANE, REBUILDS, RELATIONS, SMALL_LANE, TWEETS
from murmuration_server.eventlog.outbox import BucketRule, OutboxSource
from murmuration_server.eventlog.port import EventLog
from murmuration_server.eventlog.relay import Relay
from murmuration_server.eventlog.upkeep import LogUpkeep
from murmuration_server.graph.client import GraphClient
from murmuration_server.graph.service import GraphReadService
from murmuration_server.graph.store import GraphStore
from murmuration_server.platform.config import Settings
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.server import Dispatcher
from murmuration_server.platform.turns import InTurn, Turn
from murmuration_server.platform.worker import Step
from murmuration_server.roles.parts import WORKING
from murmuration_server.timeline.backfill import RelationsFollower
from murmuration_server.timeline.client import HomeStateClient
from murmuration_server.timeline.fanout import Delivery, DeliveryPlanner
from murmuration_server.timeline.rebuild import Rebuilder
from murmuration_server.timeline.store import HomeStateStore, HomeStore
from murmuration_server.timeline.upkeep import HomeUpkeep
from murmuration_server.timeline.watermark import DELIVERY_GROUPS, PLANNER_GROUP
from murmuration_server.tweets.client import TweetClient
from murmuration_server.tweets.internal import TweetReadService
from murmuration_server.tweets.store import TweetStore
from murmuration_server.users.store import UserStore

RELATIONS_GROUP, REBUILD_GROUP = "relations-follower", "rebuilder"
RELAY_IDLE_SECONDS = 0.005
REMOTE_RELAY_IDLE_SECONDS = 0.05
"""Looking into outboxes costs a database that others ask too more than a file of one's own."""
LARGE_JOBS_A_STEP = 2
RELATION_EVENTS_A_STEP = 4
"""A partition's; an event of an import holds a thousand follows."""


@dataclass(frozen=True)
class WorkingPorts:
    """What these parts stand on. They write homes and the log; the other stores they read."""

    users: UserStore
    graph: GraphStore
    tweets: TweetStore
    states: HomeStateStore
    homes: HomeStore
    log: EventLog
    relaying: Turn | None = None
    """Which process relays; None where there is but one."""


@dataclass
class Working:
    """`steps`: (name, step, seconds to wait after a run that found nothing)."""

    steps: list[tuple[str, Step, float]] = field(default_factory=list)


def build_working(
    ports: WorkingPorts,
    settings: Settings,
    runtime: Runtime,
    metrics: Metrics,
    serving: grpc.Channel,
    parts: Sequence[str] = WORKING,
) -> Working:
    """`serving`: the way to the internal services that write."""
    working = Working()
    if "relay" in parts:
        sources = (ports.users, ports.graph, ports.tweets, ports.states)
        working.steps += [_relay(source, ports, settings, runtime, metrics) for source in sources]
        working.steps.append(("log-upkeep", LogUpkeep(ports.log), 5.0))
    if "fanout" in parts:
        working.steps += _fanout(ports, settings, runtime, metrics, serving)
    return working


def _relay(
    source: OutboxSource, ports: WorkingPorts, settings: Settings, runtime: Runtime, metrics: Metrics
) -> tuple[str, Step, float]:
    """Two relays of one source would take the log's record of how far it is published back and forth."""
    name, rule = f"relay-{source.outbox_name}", BucketRule(runtime, settings.outbox)
    if ports.relaying is None:
        return name, Relay(source, ports.log, rule, metrics), RELAY_IDLE_SECONDS
    return name, InTurn(ports.relaying, lambda: Relay(source, ports.log, rule, metrics)), REMOTE_RELAY_IDLE_SECONDS


def _fanout(
    ports: WorkingPorts, settings: Settings, runtime: Runtime, metrics: Metrics, serving: grpc.Channel
) -> list[tuple[str, Step, float]]:
    """Reads are served in this process, from the stores, and never from a cache: nobody would void it here."""
    reads = Dispatcher(runtime, metrics, settings.server)
    channel = InProcessChannel(reads)
    cache = Cache(NoCache(), runtime, metrics, local=False)
    graph = GraphClient(channel, cache, 0.0, writes=serving)
    tweets = TweetClient(channel, cache, settings.tweets.recent_size, settings.timeline.horizon_ms, writes=serving)
    reads.bind(
        internal_graph.DESCRIPTOR.services_by_name["GraphReadService"], GraphReadService(ports.graph, settings.graph)
    )
    reads.bind(internal_tweet.DESCRIPTOR.services_by_name["TweetReadService"], TweetReadService(ports.tweets))

    def consume(group: str, topic: str, handler: Handler, batch: int) -> ConsumeStep:
        wait_seconds = settings.fanout.consumer_wait_ms / 1000
        return ConsumeStep(ports.log, group, [topic], handler, metrics, batch, wait_seconds)

    def deliver(lane: str, batch: int) -> tuple[str, Step, float]:
        handler = Delivery(lane, ports.homes, ports.states, graph, metrics, settings.fanout, settings.timeline)
        return lane, consume(DELIVERY_GROUPS[lane], lane, handler, batch), 0.0

    planner = DeliveryPlanner(graph, tweets, settings.fanout)
    follower = RelationsFollower(graph, tweets, ports.homes, metrics, settings.fanout, settings.timeline)
    rebuilder = Rebuilder(
        graph, tweets, ports.homes, HomeStateClient(serving), metrics, settings.fanout, settings.timeline
    )
    batch = settings.fanout.batch
    return [
        (PLANNER_GROUP, consume(PLANNER_GROUP, TWEETS, planner, batch), 0.0),
        deliver(SMALL_LANE, batch),
        deliver(LARGE_LANE, LARGE_JOBS_A_STEP),
        (RELATIONS_GROUP, consume(RELATIONS_GROUP, RELATIONS, follower, RELATION_EVENTS_A_STEP), 0.0),
        (REBUILD_GROUP, consume(REBUILD_GROUP, REBUILDS, rebuilder, batch), 0.0),
        ("home-upkeep", HomeUpkeep(ports.homes, settings.timeline), 1.0),
    ]
