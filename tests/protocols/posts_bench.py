"""Processes that post, delete and read authors' recent posts over one store and one cache."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from murmuration.internal.v1 import tweet_pb2
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.eventlog.consume import ConsumeStep
from murmuration_server.eventlog.envelope import DEAD_LETTERS, TWEETS
from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.relay import Relay
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.client import GraphClient
from murmuration_server.graph.service import GraphReadService
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import FanoutSettings, ServerSettings, TweetSettings
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from murmuration_server.platform.server import Dispatcher
from murmuration_server.timeline.fanout import DeliveryPlanner
from murmuration_server.tweets.client import TweetClient
from murmuration_server.tweets.internal import TweetReadService, TweetRepairService
from murmuration_server.tweets.posting import Compose, Posting
from murmuration_server.tweets.reading import TweetReading
from murmuration_server.tweets.store import ListRange
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from tests.protocols.relations_bench import METRICS, READS, SETTINGS, RelationsBench
from tests.support.scheduled import Hook, Scheduled

RECENT_SIZE, HORIZON_MS = 20, 10**9
AUTHOR = 1
SERVICES = tweet_pb2.DESCRIPTOR.services_by_name


class PostsBench:
    """To be made inside of a simulation. `number_of`: a post's id to the number its writer gave it."""

    def __init__(self, runtime: SimulatedRuntime) -> None:
        self.runtime = runtime
        self.relations = RelationsBench(runtime)
        self.store = SqliteTweetStore(None, runtime)
        self.cache_store = MemoryCache(runtime)
        self.call = Call.background(runtime, 600)
        self.number_of: dict[int, int] = {}

    def process(self, hook: Hook | None = None) -> PostsProcess:
        return PostsProcess(self, hook)

    def stored(self) -> set[int]:
        """The numbers of the author's standing posts, from the store."""
        [found] = self.store.list_recent(self.call, [ListRange(AUTHOR, 0, 0)], RECENT_SIZE)
        return {self.number_of[candidate.tweet_id] for candidate in found}

    def close(self) -> None:
        self.relations.close()
        self.store.close()


class PostsProcess:
    def __init__(self, bench: PostsBench, hook: Hook | None) -> None:
        runtime = bench.runtime
        self._bench = bench
        store: Any = Scheduled(bench.store, runtime, "tweets", hook)
        cache_store: Any = Scheduled(bench.cache_store, runtime, "cache", hook)
        self.cache = Cache(cache_store, runtime, METRICS, local=False)
        dispatcher = Dispatcher(runtime, METRICS, ServerSettings())
        channel = InProcessChannel(dispatcher)
        self.graph = GraphClient(channel, self.cache, mode_seconds=1)
        self.client = TweetClient(channel, self.cache, RECENT_SIZE, HORIZON_MS)
        reading = TweetReading(store, self.cache, RECENT_SIZE, HORIZON_MS)
        rules = bench.relations
        self.posting = Posting(
            store, reading, self.graph, self.cache, rules.ids, rules.rule, OutboxQuota(10_000), METRICS, TweetSettings()
        )
        dispatcher.bind(READS, GraphReadService(rules.store, SETTINGS))
        dispatcher.bind(SERVICES["TweetReadService"], TweetReadService(store))
        dispatcher.bind(SERVICES["TweetRepairService"], TweetRepairService(store, reading, self.cache))

    def post(self, number: int) -> int:
        """Posts, or finishes what an earlier call with this number began; answers the id."""
        request_id = str(uuid.UUID(int=number))
        record = self.posting.post(self._bench.call, AUTHOR, 0, request_id, b"digest", self._compose(number))
        return record.candidate.tweet_id

    def _compose(self, number: int) -> Compose:
        def compose(candidate: Any, conversation_id: int) -> tuple[bytes, tuple[int, ...]]:
            self._bench.number_of[candidate.tweet_id] = number
            return b"", ()

        return compose

    def repost(self, author_id: int, tweet_id: int) -> int:
        record = self.posting.repost(self._bench.call, author_id, tweet_id, "", b"digest", self._compose(-1))
        return record.candidate.tweet_id

    def delete_repost(self, author_id: int, tweet_id: int) -> None:
        self.posting.delete_repost(self._bench.call, author_id, tweet_id)

    def delete(self, tweet_id: int) -> None:
        self.posting.delete(self._bench.call, AUTHOR, tweet_id)

    def recent(self, author_id: int = AUTHOR) -> set[int]:
        found = self.client.recent(self._bench.call, [author_id])[author_id]
        return {self._bench.number_of[candidate.tweet_id] for candidate in found.candidates}

    def stands(self, tweet_id: int) -> bool:
        record = self.client.records(self._bench.call, [tweet_id]).get(tweet_id)
        return record is not None and not record.deleted


class PostsMender:
    """The way from the posts' outbox over the log to the consumers that follow posts."""

    def __init__(self, bench: PostsBench, process: PostsProcess) -> None:
        self._call = bench.call
        self._log = SqliteEventLog(None, bench.runtime, 1)
        self._relay = Relay(bench.store, self._log, bench.relations.rule, METRICS)
        planner = DeliveryPlanner(process.graph, process.client, FanoutSettings())
        self._step = ConsumeStep(self._log, "planner", [TWEETS], planner, METRICS, batch=10, wait_seconds=0)

    def run(self) -> None:
        while self._relay.run_once(self._call) or self._step.run_once(self._call):
            pass
        assert self._log.consumer("nobody", [DEAD_LETTERS]).poll(self._call, 1) == []

    def close(self) -> None:
        self._log.close()


def run(runtime: SimulatedRuntime, main: Callable[[PostsBench], None]) -> None:
    """Runs `main` in a simulation, with a bench."""
    made: list[PostsBench] = []

    def inside() -> None:
        made.append(PostsBench(runtime))
        main(made[0])

    try:
        runtime.run(inside)
    finally:
        for bench in made:
            bench.close()
