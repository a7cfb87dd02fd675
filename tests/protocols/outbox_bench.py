"""Writers of every service, their outbox, a relay and a janitor, in one simulation; any of them may pause or die."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from murmuration.events.v1 import events_pb2
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.none import NoCache
from murmuration_server.eventlog.envelope import RELATIONS, TWEETS, USERS
from murmuration_server.eventlog.janitor import OutboxJanitor, OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.eventlog.relay import Relay
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.changes import RelationChanges
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import OutboxSettings, TweetSettings
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from murmuration_server.tweets.posting import Posting
from murmuration_server.tweets.reading import TweetReading
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from murmuration_server.users.accounts import Accounts
from murmuration_server.users.stores.sqlite import SqliteUserStore
from tests.protocols.relations_bench import METRICS, SETTINGS, RelationsBench
from tests.support.scheduled import Hook, ProcessDied, Scheduled, Skewed

BUCKET_MS = 4
OUTBOX = OutboxSettings(bucket_ms=BUCKET_MS, resweep_ms=BUCKET_MS, margin_ms=1)
DIGEST = b"digest"
FOLLOWED = 1000


class OutboxBench:
    """`kind`: whose writers: users, graph or tweets."""

    def __init__(self, runtime: SimulatedRuntime, kind: str) -> None:
        self.runtime, self.kind = runtime, kind
        self.relations = RelationsBench(runtime)
        self.users, self.tweets = SqliteUserStore(None, runtime), SqliteTweetStore(None, runtime)
        stores: dict[str, Any] = {"users": self.users, "graph": self.relations.store, "tweets": self.tweets}
        self.source = stores[kind]
        self.log = SqliteEventLog(None, runtime, 1)
        self.call = Call.background(runtime, 600)
        self.quota = OutboxQuota(10_000)
        self.rule = BucketRule(runtime, OUTBOX)

    def writer(self, offset_ms: int, hook: Hook | None) -> Callable[[int], None]:
        """A process with a clock of its own; answers what makes the n-th write, and again the same for the same n."""
        clock: Any = Skewed(self.runtime, offset_ms)
        call, rule = Call.background(clock, 600), BucketRule(clock, OUTBOX)
        store: Any = Scheduled(self.source, self.runtime, self.kind, hook)
        ids, cache = self.relations.ids, Cache(NoCache(), self.runtime, METRICS)
        if self.kind == "users":
            accounts = Accounts(store, ids, rule, self.quota, request_id_ms=86_400_000)
            return lambda n: (accounts.create(call, f"user{n}", "", _request_id(n), DIGEST), None)[1]
        if self.kind == "graph":
            kind = self.relations.process().client.relations_kind
            changes = RelationChanges(store, cache, kind, ids, rule, self.quota, SETTINGS)
            return lambda n: changes.follow(call, n, FOLLOWED, False)
        posting = self._posting(store, rule)

        def post(n: int) -> None:
            posting.post(call, n, 0, _request_id(n), DIGEST, lambda candidate, conversation: (b"", ()))

        return post

    def deleter(self, hook: Hook | None) -> Callable[[int], None]:
        """A process that deletes the n-th author's only post, and again when asked again."""
        posting = self._posting(Scheduled(self.source, self.runtime, self.kind, hook), self.rule)
        made = {
            envelope.tweet_created.author_id: envelope.tweet_created.tweet_id
            for envelope in self.envelopes()
            if envelope.WhichOneof("payload") == "tweet_created"
        }
        return lambda n: posting.delete(self.call, n, made[n])

    def _posting(self, store: Any, rule: BucketRule) -> Posting:
        cache = Cache(NoCache(), self.runtime, METRICS)
        reading = TweetReading(store, cache, recent_size=10, horizon_ms=10**9)
        graph = self.relations.process().client
        return Posting(store, reading, graph, cache, self.relations.ids, rule, self.quota, METRICS, TweetSettings())

    def relay(self, hook: Hook | None) -> Relay:
        source: Any = Scheduled(self.source, self.runtime, "source", hook)
        log: Any = Scheduled(self.log, self.runtime, "log", hook)
        return Relay(source, log, self.rule, METRICS)

    def janitor(self) -> OutboxJanitor:
        source: Any = Scheduled(self.source, self.runtime, "janitor")
        return OutboxJanitor([source], self.log, self.quota, METRICS)

    def published(self) -> list[int]:
        """The n of every event on the log, in order."""
        return [self._number(envelope) for envelope in self.envelopes()]

    def envelopes(self) -> list[events_pb2.Envelope]:
        records = self.log.consumer("test", [TWEETS, RELATIONS, USERS]).poll(self.call, 10_000)
        return [events_pb2.Envelope.FromString(record.value) for record in records]

    def _number(self, envelope: events_pb2.Envelope) -> int:
        if self.kind == "users":
            [user] = self.users.get_many(self.call, [envelope.user_created.user_id])
            return int(user.handle.removeprefix("user"))
        if self.kind == "graph":
            return envelope.relations_changed.changes[0].user_id
        return envelope.tweet_created.author_id

    def close(self) -> None:
        self.relations.close()
        for thing in (self.users, self.tweets, self.log):
            thing.close()


class Trouble:
    """A hook: now and then a pause of up to some buckets; a few times death."""

    def __init__(self, runtime: SimulatedRuntime, deaths: int, pause_odds: float = 0.25) -> None:
        self._runtime, self.deaths, self._odds = runtime, deaths, pause_odds

    def __call__(self, label: str) -> None:
        dice = self._runtime.random
        if dice.random() < self._odds:
            self._runtime.sleep(dice.random() * 3.5 * BUCKET_MS / 1000)
        if self.deaths and dice.random() < 0.15:
            self.deaths -= 1
            raise ProcessDied(label)


def _request_id(n: int) -> str:
    return str(uuid.UUID(int=n))
