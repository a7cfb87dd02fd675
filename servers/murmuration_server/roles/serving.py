"""The serving process: all services, and the steps that keep them going."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import ModuleType

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
from murmuration_server.platform.config import Settings
from murmuration_server.platform.ids import IdGenerator
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.leases import LeaseStore
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.server import Dispatcher
from murmuration_server.platform.worker import Step
from murmuration_server.timeline.activity import Activity
from murmuration_server.timeline.client import HomeStateClient
from murmuration_server.timeline.cursor import Cursors
from murmuration_server.timeline.home import HomeReader
from murmuration_server.timeline.pull_view import PullView
from murmuration_server.timeline.service import HomeStateService, TimelineService
from murmuration_server.timeline.sources import SourceFinder
from murmuration_server.timeline.store import HomeStateStore, HomeStore
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


@dataclass(frozen=True)
class ServingPorts:
    """What the serving process stands on. `alone`: no other process serves, so this one knows of every change."""

    users: UserStore
    graph: GraphStore
    tweets: TweetStore
    states: HomeStateStore
    homes: HomeStore
    log: EventLog
    leases: LeaseStore
    cache: CacheStore
    keys: SigningKeys
    alone: bool


@dataclass
class Serving:
    """`public` is served to callers; `internal` to this process and to workers only. `steps`: (name, step, seconds to
    wait between two runs)."""

    public: Dispatcher
    internal: Dispatcher
    view: PullView
    watermark: Watermark
    cache: Cache
    steps: list[tuple[str, Step, float]] = field(default_factory=list)


def build_serving(ports: ServingPorts, settings: Settings, runtime: Runtime, metrics: Metrics, owner: str) -> Serving:
    """`owner` names this process in leases."""
    public = Dispatcher(runtime, metrics, settings.server)
    internal = Dispatcher(runtime, metrics, settings.server)
    # Stubs first, servicers later: a service may call any other without knowing where it is.
    channel = InProcessChannel(internal)
    cache = Cache(ports.cache, runtime, metrics, local=ports.alone)
    horizon, recent = settings.timeline.horizon_ms, settings.tweets.recent_size
    users = UserClient(channel, cache)
    graph = GraphClient(channel, cache, settings.graph.mode_refresh_ms / 1000)
    tweets = TweetClient(channel, cache, recent, horizon)

    ids = IdGenerator(runtime, ports.leases, owner)
    buckets, quota = BucketRule(runtime, settings.outbox, ports.log), OutboxQuota(settings.outbox.quota_rows)

    accounts = Accounts(ports.users, ids, buckets, quota, settings.tweets.request_id_ms)
    public.bind(_service(user_pb2, "UserService"), UserService(accounts, ports.users))
    internal.bind(_service(internal_user, "UserReadService"), UserReadService(ports.users))
    internal.bind(_service(internal_user, "UserImportService"), UserImportService(accounts))

    changes = RelationChanges(ports.graph, cache, graph.relations_kind, ids, buckets, quota, settings.graph)
    modes = ModeKeeper(ports.graph, settings.graph, metrics)
    public.bind(_service(graph_pb2, "GraphService"), GraphService(changes, ports.graph, users, ports.keys))
    internal.bind(_service(internal_graph, "GraphReadService"), GraphReadService(ports.graph, settings.graph))
    internal.bind(_service(internal_graph, "GraphRepairService"), GraphRepairService(changes, ports.graph))
    internal.bind(_service(internal_graph, "GraphAdminService"), GraphAdminService(changes, modes))

    reading = TweetReading(ports.tweets, cache, recent, horizon)
    posting = Posting(ports.tweets, reading, graph, cache, ids, buckets, quota, metrics, settings.tweets)
    tweet_service = TweetService(posting, reading, ports.tweets, users, ports.keys)
    public.bind(_service(tweet_pb2, "TweetService"), tweet_service)
    internal.bind(_service(internal_tweet, "TweetReadService"), TweetReadService(ports.tweets))
    internal.bind(_service(internal_tweet, "TweetRepairService"), TweetRepairService(ports.tweets, reading, cache))

    view = PullView(tweets, runtime, settings.timeline, metrics)
    watermark = Watermark(ports.tweets, (ports.users, ports.graph, ports.states), ports.log, runtime, metrics)
    activity = Activity(ports.states, cache, ids, buckets, quota, settings.timeline)
    sources = SourceFinder(ports.homes, tweets, view, settings.timeline)
    homes = HomeReader(sources, activity, graph, tweets, users, cache, settings.timeline)
    cursors = Cursors(ports.keys, runtime, settings.timeline.cursor_age_ms)
    timeline = TimelineService(homes, cursors, view, watermark, tweets, users, metrics, settings.timeline)
    public.bind(_service(timeline_pb2, "TimelineService"), timeline)
    internal.bind(_service(internal_home, "HomeStateService"), HomeStateService(activity))

    letters = DeadLetters(ports.log, ports.states, buckets, quota)
    admin = AdminService(users, graph, HomeStateClient(channel), watermark, letters, ports.keys)
    public.bind(_service(admin_pb2, "AdminService"), admin)

    sources_of_events = (ports.users, ports.graph, ports.tweets, ports.states)
    steps: list[tuple[str, Step, float]] = [
        ("pull-view", view, settings.timeline.view_refresh_ms / 1000),
        ("watermark", watermark, 0.25),
        ("outbox-janitor", OutboxJanitor(sources_of_events, ports.log, quota, metrics), 1.0),
        ("author-modes", modes, 1.0),
        ("claim-upkeep", ClaimUpkeep(ports.tweets, settings.tweets), 600.0),
    ]
    return Serving(public, internal, view, watermark, cache, steps)


def _service(module: ModuleType, name: str) -> ServiceDescriptor:
    descriptor: ServiceDescriptor = module.DESCRIPTOR.services_by_name[name]
    return descriptor
