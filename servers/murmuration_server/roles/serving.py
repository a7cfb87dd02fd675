"""The parts that serve calls: their services, and the steps that keep them going."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor

from murmuration.admin.v1 import admin_pb2
from murmuration.internal.v1 import graph_pb2 as internal_graph
from murmuration.internal.v1 import home_pb2 as internal_home
from murmuration.internal.v1 import tweet_pb2 as internal_tweet
from murmuration.internal.v1 import user_pb2 as internal_user
from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2, user_pb2
from murmuration_server.admin.service import AdminService
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.port import CacheStore
from murmuration_server.eventlog.dead_letters import DeadLetters
from murmuration_server.eventlog.janitor import OutboxJanitor, OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.eventlog.port import EventLog
from murmuration_server.graph.changes import RelationChanges
from murmuration_server.graph.client import GraphClient
from murmuration_server.graph.mode import ModeKeeper
from murmuration_server.graph.service import GraphAdminService, GraphReadService, GraphRepairService, GraphService
from murmuration_server.graph.store import GraphStore
from murmuration_server.platform.channels import RoutedChannel
from murmuration_server.platform.config import Settings
from murmuration_server.platform.ids import IdGenerator
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.leases import LeaseStore
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.server import Dispatcher
from murmuration_server.platform.worker import Step
from murmuration_server.roles.parts import SERVING, internal_routes
from murmuration_server.sharding.placement import Placement
from murmuration_server.timeline.activity import Activity
from murmuration_server.timeline.client import HomeStateClient
from murmuration_server.timeline.cursor import Cursors
from murmuration_server.timeline.home import HomeReader
from murmuration_server.timeline.kept_pages import KeptPages
from murmuration_server.timeline.pull_view import PullView
from murmuration_server.timeline.service import HomeStateService, TimelineService
from murmuration_server.timeline.sources import SourceFinder
from murmuration_server.timeline.store import HomeStateStore, HomeStore
from murmuration_server.timeline.validators import ChangesValidator, EntriesValidator, Validator
from murmuration_server.timeline.watermark import Watermark
from murmuration_server.tweets.client import TweetClient
from murmuration_server.tweets.internal import TweetReadService, TweetRepairService
from murmuration_server.tweets.posting import Posting
from murmuration_server.tweets.reading import TweetReading
from murmuration_server.tweets.service import TweetService
from murmuration_server.tweets.store import TweetStore
from murmuration_server.tweets.upkeep import ClaimUpkeep
from murmuration_server.users.accounts import Accounts
from murmuration_server.users.client import UserClient
from murmuration_server.users.service import UserImportService, UserReadService, UserService
from murmuration_server.users.store import UserStore

FALLING_BACK = frozenset(
    {"GetUser", "BatchGetUsers", "GetTweet", "BatchGetTweets", "ListUserTweets", "ListHomeTimeline"}
)
"""Reads that are better answered by one replica than not at all, where there are several."""


@dataclass(frozen=True)
class ServingPorts:
    """What the parts stand on. `alone`: no other process serves, so this one knows of every change."""

    users: UserStore
    graph: GraphStore
    tweets: TweetStore
    states: HomeStateStore
    homes: HomeStore
    log: EventLog
    leases: LeaseStore
    cache: CacheStore
    keys: SigningKeys
    placement: Placement
    alone: bool


@dataclass
class Serving:
    """`public` is served to callers; `internal` to other parts only. `steps`: (name, step, seconds to wait between two
    runs)."""

    public: Dispatcher
    internal: Dispatcher
    view: PullView
    watermark: Watermark
    cache: Cache
    steps: list[tuple[str, Step, float]] = field(default_factory=list)


def build_serving(
    ports: ServingPorts,
    settings: Settings,
    runtime: Runtime,
    metrics: Metrics,
    owner: str,
    parts: Sequence[str] = SERVING,
    peers: Mapping[str, grpc.Channel] | None = None,
) -> Serving:
    """`owner` names this process in leases. `peers`: the way to each part that is called and is not among `parts`."""
    public = Dispatcher(runtime, metrics, settings.server)
    internal = Dispatcher(runtime, metrics, settings.server)
    # Stubs first, servicers later: a service may call any other without knowing where it is.
    inside = InProcessChannel(internal)
    channel = RoutedChannel(internal_routes({**(peers or {}), **dict.fromkeys(parts, inside)}))
    cache = Cache(ports.cache, runtime, metrics, local=ports.alone)
    tweets = TweetClient(channel, cache, settings.tweets.recent_size, settings.timeline.horizon_ms)
    serving = Serving(
        public,
        internal,
        PullView(tweets, runtime, settings.timeline, metrics),
        Watermark(ports.tweets, (ports.users, ports.graph, ports.states), ports.log, runtime, metrics),
        cache,
    )
    common = _Common(
        ports=ports,
        settings=settings,
        runtime=runtime,
        metrics=metrics,
        channel=channel,
        users=UserClient(channel, cache),
        graph=GraphClient(channel, cache, settings.graph.mode_refresh_ms / 1000),
        tweets=tweets,
        ids=IdGenerator(runtime, ports.leases, owner),
        buckets=BucketRule(runtime, settings.outbox, ports.log),
        quota=OutboxQuota(settings.outbox.quota_rows),
        falling_back=() if ports.alone else FALLING_BACK,
    )
    for part in parts:
        _BUILDERS[part](common, serving)
    outboxes = {"users": ports.users, "graph": ports.graph, "tweets": ports.tweets, "timeline": ports.states}
    # Who settles dead letters writes into timelines' outbox.
    written = dict.fromkeys(outboxes["timeline" if part == "admin" else part] for part in parts)
    serving.steps.append(("outbox-janitor", OutboxJanitor(list(written), ports.log, common.quota, metrics), 1.0))
    return serving


@dataclass(frozen=True)
class _Common:
    """What the parts of one process share."""

    ports: ServingPorts
    settings: Settings
    runtime: Runtime
    metrics: Metrics
    channel: grpc.Channel
    users: UserClient
    graph: GraphClient
    tweets: TweetClient
    ids: IdGenerator
    buckets: BucketRule
    quota: OutboxQuota
    falling_back: Collection[str]
    """Of the public methods."""


def _users(common: _Common, serving: Serving) -> None:
    store, request_id_ms = common.ports.users, common.settings.tweets.request_id_ms
    accounts = Accounts(store, common.ids, common.buckets, common.quota, request_id_ms)
    serving.public.bind(
        _service(user_pb2, "UserService"), UserService(accounts, store), falling_back=common.falling_back
    )
    serving.internal.bind(_service(internal_user, "UserReadService"), UserReadService(store))
    serving.internal.bind(_service(internal_user, "UserImportService"), UserImportService(accounts))


def _graph(common: _Common, serving: Serving) -> None:
    store, settings, keys = common.ports.graph, common.settings.graph, common.ports.keys
    kind = common.graph.relations_kind
    changes = RelationChanges(store, serving.cache, kind, common.ids, common.buckets, common.quota, settings)
    modes = ModeKeeper(store, settings, common.metrics)
    serving.public.bind(_service(graph_pb2, "GraphService"), GraphService(changes, store, common.users, keys))
    serving.internal.bind(_service(internal_graph, "GraphReadService"), GraphReadService(store, settings))
    serving.internal.bind(_service(internal_graph, "GraphRepairService"), GraphRepairService(changes, store))
    serving.internal.bind(_service(internal_graph, "GraphAdminService"), GraphAdminService(changes, modes))
    serving.steps.append(("author-modes", modes, 1.0))


def _tweets(common: _Common, serving: Serving) -> None:
    store, settings, cache = common.ports.tweets, common.settings.tweets, serving.cache
    reading = TweetReading(store, cache, settings.recent_size, common.settings.timeline.horizon_ms)
    ids, buckets, quota = common.ids, common.buckets, common.quota
    posting = Posting(store, reading, common.graph, cache, ids, buckets, quota, common.metrics, settings)
    service = TweetService(posting, reading, store, common.users, common.ports.keys)
    serving.public.bind(_service(tweet_pb2, "TweetService"), service, falling_back=common.falling_back)
    serving.internal.bind(_service(internal_tweet, "TweetReadService"), TweetReadService(store))
    serving.internal.bind(_service(internal_tweet, "TweetRepairService"), TweetRepairService(store, reading, cache))
    serving.steps.append(("claim-upkeep", ClaimUpkeep(store, settings), 600.0))


def _timeline(common: _Common, serving: Serving) -> None:
    ports, settings, cache, view = common.ports, common.settings.timeline, serving.cache, serving.view
    activity = Activity(ports.states, cache, common.ids, common.buckets, common.quota, settings)
    sources = SourceFinder(ports.homes, common.tweets, view, settings)
    homes = HomeReader(sources, activity, common.graph, common.tweets, common.users, cache, settings)
    cursors = Cursors(ports.keys, common.runtime, settings.cursor_age_ms)
    if ports.alone:
        validator: Validator[Any, Any] = ChangesValidator(cache.changes, ports.homes)
    else:
        validator = EntriesValidator(ports.cache, settings.kept_pages_late_ms)
    pages = KeptPages(validator, common.runtime, settings.kept_pages)
    service = TimelineService(
        homes, pages, cursors, view, serving.watermark, common.tweets, common.users, common.metrics, settings
    )
    # Elsewhere the cache's nodes have to be asked.
    at_hand = {"ListHomeTimeline": service.page_at_hand} if ports.alone else {}
    serving.public.bind(_service(timeline_pb2, "TimelineService"), service, at_hand, common.falling_back)
    serving.internal.bind(_service(internal_home, "HomeStateService"), HomeStateService(activity, ports.cache))
    serving.steps += [("pull-view", view, settings.view_refresh_ms / 1000), ("watermark", serving.watermark, 0.25)]


def _admin(common: _Common, serving: Serving) -> None:
    ports = common.ports
    letters = DeadLetters(ports.log, ports.states, common.buckets, common.quota)
    homes = HomeStateClient(common.channel)
    admin = AdminService(
        common.users, common.graph, common.tweets, homes, serving.watermark, letters, ports.placement, ports.keys
    )
    serving.public.bind(_service(admin_pb2, "AdminService"), admin)


_BUILDERS: Mapping[str, Callable[[_Common, Serving], None]] = {
    "users": _users,
    "graph": _graph,
    "tweets": _tweets,
    "timeline": _timeline,
    "admin": _admin,
}


def _service(module: ModuleType, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return descriptor
