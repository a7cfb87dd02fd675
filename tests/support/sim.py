"""The whole system in one simulated runtime: real rules, real adapters on SQLite in memory, all workers, one seed.

    def scenario(system: System) -> None:
        ann = system.person("ann")
        ...
    outcome = simulate(7, scenario)

The same seed gives the same trace and the same tables, to the byte.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Generic, TypeVar

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
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.eventlog.port import RelayPosition
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.stores.sqlite import SqliteGraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import Settings
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.lease_stores.sqlite import SqliteLeaseStore
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.sqlite import Database
from murmuration_server.platform.stubs import invoke
from murmuration_server.platform.worker import Step, Worker
from murmuration_server.roles.serving import Serving, ServingPorts, build_serving
from murmuration_server.roles.working import Working, WorkingPorts, build_working
from murmuration_server.sharding.embedded_placement import EmbeddedPlacement
from murmuration_server.timeline.stores.sqlite import SqliteHomeStateStore, SqliteHomeStore
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from murmuration_server.users.stores.sqlite import SqliteUserStore
from tests.support.sim_ports import ScheduledLog, ScheduledPort
from tests.support.sim_runtime import DirectedRuntime, Gate, OffsetClock

T = TypeVar("T")

CALL_SECONDS = 60.0
LEAST_IDLE_SECONDS = 0.05
"""Steps that find nothing would otherwise be most of a run."""
REST_SECONDS = 120.0
GROUPS = 5
"""Consumer groups of the worker."""

READY = timeline_pb2.TimelineState.STATUS_READY
REBUILDING = timeline_pb2.TimelineState.STATUS_REBUILDING
DEGRADED = timeline_pb2.TimelineState.STATUS_DEGRADED


def settings(**sections: dict[str, Any]) -> Settings:
    """Defaults, but for what is given: `settings(timeline={"home_size": 10})`."""
    return Settings.model_validate(sections)


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: a line for each step, and every row of every table."""

    trace: tuple[str, ...]
    tables: tuple[str, ...]

    def digest(self) -> str:
        return hashlib.sha256("\n".join((*self.trace, *self.tables)).encode()).hexdigest()


@dataclass(frozen=True)
class Page:
    """One answer of ListHomeTimeline."""

    ids: list[int]
    items: list[timeline_pb2.HomeTimelineItem]
    token: str
    status: int
    as_of_ms: int


class Running(Generic[T]):
    """A call under way."""

    def __init__(self, runtime: DirectedRuntime, name: str, target: Callable[[], T]) -> None:
        self._runtime, self._name = runtime, name
        self._answers: list[T] = []
        runtime.spawn(name, lambda: self._answers.append(target()))

    def result(self) -> T:
        """Waits for its end."""
        self._runtime.wait_for(lambda: bool(self._answers), f"the end of {self._name}", CALL_SECONDS)
        return self._answers[0]


class Person:
    """A user, with the calls that he makes."""

    def __init__(self, system: System, user_id: int, handle: str, channel: InProcessChannel) -> None:
        self._system, self.user_id, self.handle = system, user_id, handle
        self._tweets = tweet_pb2_grpc.TweetServiceStub(channel)
        self._graph = graph_pb2_grpc.GraphServiceStub(channel)
        self._timeline = timeline_pb2_grpc.TimelineServiceStub(channel)

    def __repr__(self) -> str:
        return self.handle

    def post(self, text: str = "hello", reply_to: int = 0, request_id: str = "") -> int:
        request = tweet_pb2.CreateTweetRequest(text=text, in_reply_to_tweet_id=reply_to, request_id=request_id)
        return self._call(self._tweets.CreateTweet, request).tweet.tweet_id

    def repost(self, tweet_id: int) -> int:
        return self._call(self._tweets.CreateRepost, tweet_pb2.CreateRepostRequest(tweet_id=tweet_id)).repost.tweet_id

    def delete(self, tweet_id: int) -> None:
        self._call(self._tweets.DeleteTweet, tweet_pb2.DeleteTweetRequest(tweet_id=tweet_id))

    def follow(self, other: Person, hide_reposts: bool = False) -> None:
        request = graph_pb2.FollowUserRequest(user_id=other.user_id, hide_reposts=hide_reposts)
        self._call(self._graph.FollowUser, request)

    def unfollow(self, other: Person) -> None:
        self._call(self._graph.UnfollowUser, graph_pb2.UnfollowUserRequest(user_id=other.user_id))

    def block(self, other: Person) -> None:
        self._call(self._graph.BlockUser, graph_pb2.BlockUserRequest(user_id=other.user_id))

    def unblock(self, other: Person) -> None:
        self._call(self._graph.UnblockUser, graph_pb2.UnblockUserRequest(user_id=other.user_id))

    def mute(self, other: Person) -> None:
        self._call(self._graph.MuteUser, graph_pb2.MuteUserRequest(user_id=other.user_id))

    def unmute(self, other: Person) -> None:
        self._call(self._graph.UnmuteUser, graph_pb2.UnmuteUserRequest(user_id=other.user_id))

    def relationships(self, others: Iterable[Person]) -> dict[int, graph_pb2.Relationship]:
        request = graph_pb2.BatchGetRelationshipsRequest(user_ids=[other.user_id for other in others])
        answer = self._call(self._graph.BatchGetRelationships, request)
        return {found.user_id: found for found in answer.relationships}

    def follow_counts(self) -> tuple[int, int]:
        answer = self._call(self._graph.GetFollowCounts, graph_pb2.GetFollowCountsRequest(user_id=self.user_id))
        return answer.followers, answer.following

    def counts(self, tweet_id: int) -> tuple[int, int]:
        counts = self._call(self._tweets.GetTweet, tweet_pb2.GetTweetRequest(tweet_id=tweet_id)).counts
        return counts.replies, counts.reposts

    def page(self, token: str = "", size: int = 100, **query: Any) -> Page:
        request = timeline_pb2.ListHomeTimelineRequest(page_size=size, page_token=token, **query)
        answer = self._call(self._timeline.ListHomeTimeline, request)
        items = list(answer.items)
        ids, state = [item.tweet.tweet_id for item in items], answer.state
        return Page(ids, items, answer.next_page_token, state.status, state.as_of_ms)

    def walk(self, size: int = 100, most_pages: int = 200, **query: Any) -> list[Page]:
        """All pages, to the end."""
        pages = [self.page(size=size, **query)]
        while pages[-1].token:
            assert len(pages) < most_pages, "the walk does not end"
            pages.append(self.page(pages[-1].token, size, **query))
        return pages

    def home(self, size: int = 100, **query: Any) -> list[int]:
        """Ids of the whole home. They must fall strictly."""
        ids = [tweet_id for page in self.walk(size, **query) for tweet_id in page.ids]
        assert all(newer > older for newer, older in itertools.pairwise(ids)), f"{self}'s home is out of order"
        return ids

    def _call(self, method: Any, request: Any) -> Any:
        return invoke(self._system.call(self.user_id), method, request)


class RoamingChannel(InProcessChannel):
    """Each call goes to one of several processes."""

    def __init__(self, servings: Sequence[Serving], chance: Random) -> None:
        super().__init__(servings[0].public)
        self._channels, self._chance = [InProcessChannel(serving.public) for serving in servings], chance

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        calls = [channel.unary_unary(*arguments, **options) for channel in self._channels]
        return lambda request, **rest: self._chance.choice(calls)(request, **rest)


class System:
    """Everything: one serving process (more by `serve`), one worker process, their stores."""

    def __init__(self, runtime: DirectedRuntime, settings: Settings, *, alone: bool = False) -> None:
        """`alone`: there will be no second serving process, so the first keeps values to itself."""
        self.runtime, self.settings, self.metrics = runtime, settings, Metrics()
        self._alone = alone
        self.stores: dict[str, Any] = {
            "users": SqliteUserStore(None, runtime),
            "graph": SqliteGraphStore(None, runtime),
            "tweets": SqliteTweetStore(None, runtime),
            "states": SqliteHomeStateStore(None, runtime),
            "homes": SqliteHomeStore(None, runtime),
            "leases": SqliteLeaseStore(None, runtime),
            "log": SqliteEventLog(None, runtime, settings.fanout.partitions),
        }
        ports = {name: ScheduledPort(name, store, runtime) for name, store in self.stores.items()}
        ports["log"] = ScheduledLog("log", self.stores["log"], runtime)
        self.ports: dict[str, Any] = ports
        self._memory = MemoryCache(runtime)
        self._cache = ScheduledPort("cache", self._memory, runtime)
        self._keys = SigningKeys(((1, runtime.token(32)),))
        self.serving = self.serve("serving")
        self.working = self.work()
        self._admin = admin_pb2_grpc.AdminServiceStub(InProcessChannel(self.serving.public))
        self.expects_errors = False
        """Whether steps of workers are made to fail by the test."""
        self._public = InProcessChannel(self.serving.public)
        self._workers: list[Worker] = []
        self._started: list[Serving] = []

    def serve(self, owner: str, clock_offset_ms: int = 0) -> Serving:
        """A serving process on the same stores and the same cache; its steps are not started."""
        ports = ServingPorts(
            **{name: self.ports[name] for name in ("users", "graph", "tweets", "states", "homes", "log", "leases")},
            cache=self._cache,
            keys=self._keys,
            placement=EmbeddedPlacement(()),
            alone=self._alone,
        )
        runtime = OffsetClock(self.runtime, clock_offset_ms) if clock_offset_ms else self.runtime
        return build_serving(ports, self.settings, runtime, self.metrics, owner)

    def work(self) -> Working:
        """A worker process on the same stores; its steps are not started."""
        ports = WorkingPorts(
            **{name: self.ports[name] for name in ("users", "graph", "tweets", "states", "homes", "log")}
        )
        channel = InProcessChannel(self.serving.internal)
        return build_working(ports, self.settings, self.runtime, self.metrics, channel)

    def start(self, *without: str) -> None:
        """Starts the steps of both processes, but for those named."""
        self._started.append(self.serving)
        for name, step, idle in [*self.serving.steps, *self.working.steps]:
            if name not in without:
                self.start_step(name, step, idle)

    def start_serving(self, serving: Serving, prefix: str) -> None:
        """Starts the steps of one more serving process."""
        self._started.append(serving)
        for name, step, idle in serving.steps:
            self.start_step(f"{prefix}-{name}", step, idle)

    def start_step(self, name: str, step: Step, idle: float) -> None:
        idle = max(idle, LEAST_IDLE_SECONDS) if idle else idle
        self._workers.append(Worker(name, step, self.runtime, self.metrics, idle))

    def spread(self, clock_offset_ms: int, seed: str) -> None:
        """From now on there are two serving processes on the same stores and the same cache, and each call of new
        people goes to one of them, by chance."""
        other = self.serve("other", clock_offset_ms)
        self.start_serving(other, "other")
        self._public = RoamingChannel([self.serving, other], Random(seed))

    def step(self, name: str) -> Step:
        """One of the steps, to be run by hand or started late."""
        return next(step for found, step, _ in [*self.serving.steps, *self.working.steps] if found == name)

    def run_step(self, name: str) -> bool:
        return self.step(name).run_once(Call.background(self.runtime))

    def stop(self) -> None:
        for worker in self._workers:
            worker.ask_to_stop()
        for worker in self._workers:
            worker.join(CALL_SECONDS)

    def begin(self, name: str, target: Callable[[], T]) -> Running[T]:
        """Runs it beside the caller, as a task of that name."""
        return Running(self.runtime, name, target)

    def together(self, *tasks: tuple[str, Callable[[], Any]]) -> None:
        """Runs all of them at once, to their ends."""
        for running in [self.begin(name, target) for name, target in tasks]:
            running.result()

    def hold(self, task: str, *labels: str, passes: int = 0) -> Gate:
        """See `DirectedRuntime.hold`."""
        return self.runtime.hold(task, *labels, passes=passes)

    def sleep(self, seconds: float) -> None:
        self.runtime.sleep(seconds)

    def pass_time(self, seconds: float) -> None:
        """At one stroke, as when the whole machine was asleep; then all have a moment to notice."""
        self.runtime.advance(seconds)
        self.sleep(0.2)

    def call(self, actor_id: int = 0) -> Call:
        return Call(actor_id, self.runtime.monotonic() + CALL_SECONDS, self.runtime)

    def person(self, handle: str) -> Person:
        """A new account."""
        request = user_pb2.CreateUserRequest(handle=handle, display_name=handle)
        user = invoke(self.call(), user_pb2_grpc.UserServiceStub(self._public).CreateUser, request).user
        return Person(self, user.user_id, handle, self._public)

    def people(self, handles: str) -> list[Person]:
        return [self.person(handle) for handle in handles.split()]

    def via(self, person: Person, serving: Serving) -> Person:
        """The same user, calling another process."""
        return Person(self, person.user_id, person.handle, InProcessChannel(serving.public))

    def pin_mode(self, author: Person, mode: Any) -> None:
        request = admin_pb2.SetAuthorModeRequest(user_id=author.user_id, mode=mode)
        invoke(self.call(), self._admin.SetAuthorMode, request)

    def request_rebuild(self, person: Person) -> None:
        invoke(self.call(), self._admin.RebuildTimeline, admin_pb2.RebuildTimelineRequest(user_id=person.user_id))

    def rest(self, seconds: float = REST_SECONDS) -> None:
        """Until all events are published and consumed, and all views have been refreshed since."""
        deadline = self.runtime.monotonic() + seconds
        while not self.is_delivered():
            assert self.runtime.monotonic() < deadline, "the system does not come to rest"
            self.runtime.sleep(0.05)
        quiet = self.runtime.monotonic()
        views = [serving.view for serving in self._started]
        self.runtime.wait_for(
            lambda: all(view.snapshot().started > quiet for view in views), "a refresh of the view", REST_SECONDS
        )

    def is_delivered(self) -> bool:
        call, log = self.call(), self.stores["log"]
        for name in ("users", "graph", "tweets", "states"):
            store = self.stores[name]
            position = log.relay_position(call, store.outbox_name) or RelayPosition(store.outbox_name, 0)
            if store.outbox_backlog(call, position.open_from, position.tails).rows:
                return False
        groups = log.backlog(call)
        return len(groups) == GROUPS and not any(group.records for group in groups)

    def database(self, name: str) -> Database:
        database: Database = self.stores[name]._db
        return database

    def sql(self, store: str, statement: str, *values: object) -> list[Any]:
        """Behind the store's back, at once: for damage, and for looking."""
        return self.database(store)._writer.execute(statement, values).fetchall()

    def evict(self, kind: str) -> None:
        """Drops every cache entry of a kind, such as `recent`."""
        for key in list(self._memory._entries):
            if key.name.startswith(f"{kind}."):
                self._memory._drop(key)

    def lose_inserts(self, store: str, table: str) -> Callable[[], None]:
        """From now on what is inserted into the table vanishes, as when a batch is seen in part; the answer ends it."""
        self.sql(store, f"CREATE TRIGGER lose_{table} BEFORE INSERT ON {table} BEGIN SELECT RAISE(IGNORE); END")
        return lambda: (self.sql(store, f"DROP TRIGGER lose_{table}"), None)[1]

    def errors(self) -> dict[str, float]:
        """How often workers' steps failed, and dead letters."""
        found = {}
        for metric in (self.metrics.worker_errors, self.metrics.dead_letters):
            for sample in next(iter(metric.collect())).samples:
                if sample.name.endswith("_total") and sample.value:
                    found[str(sorted(sample.labels.items()))] = sample.value
        return found

    def rows(self) -> list[str]:
        """Every row of every table, in order."""
        lines = []
        for name, store in sorted(self.stores.items()):
            connection = store._db._writer
            tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in sorted(tables):
                rows = connection.execute(f"SELECT * FROM {table}").fetchall()
                lines += [f"{name}.{table} {row}" for row in sorted(map(repr, rows))]
        return lines

    def close(self) -> None:
        self.stop()
        for store in self.stores.values():
            store.close()


def simulate(
    seed: int,
    scenario: Callable[[System], None],
    chosen: Settings | None = None,
    *,
    start: bool = True,
    alone: bool = False,
    max_steps: int = 2_000_000,
) -> Outcome:
    """Runs the scenario on a system of its own. Where workers' steps fail, so does the run, unless the scenario
    `expects_errors`. `start=False`: the scenario starts the steps. `alone`:
    see `System`."""
    runtime = DirectedRuntime(seed)
    found: list[Outcome] = []

    def main() -> None:
        system = System(runtime, chosen or settings(), alone=alone)
        if start:
            system.start()
        scenario(system)
        system.stop()
        assert system.expects_errors or not system.errors()
        found.append(Outcome(tuple(runtime.trace), tuple(system.rows())))
        system.close()

    runtime.run(main, max_steps)
    return found[0]
