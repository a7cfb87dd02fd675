"""The adapters that the contract suites run on: a line for each.

A suite says what a port promises. Where an adapter cannot keep a promise, `opt_outs` names the test and the reason;
that test must then fail, so an opt-out that is no longer needed is noticed.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from murmuration_server.cache.memory import MemoryCache
from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.cache.none import NoCache
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.stores.sqlite import SqliteGraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS, KafkaSettings, MemcachedSettings, TimelineSettings
from murmuration_server.platform.lease_stores.sqlite import SqliteLeaseStore
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.heads import CachedHeads
from murmuration_server.timeline.stores.sqlite import SqliteHomeStateStore, SqliteHomeStore
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from murmuration_server.users.stores.sqlite import SqliteUserStore
from tests.support.contract_clock import SetClock
from tests.support.real_cassandra import cql_session, empty, lose
from tests.support.real_kafka import kafka_broker
from tests.support.real_memcached import memcached_nodes

PARTITIONS = 2
"""Of the logs under test."""
LONG_HORIZON_MS = 3650 * DAY_MS
"""Within it lie the small ids that tests take."""


@dataclass
class Place:
    """Where an adapter keeps its data during one test, and what is open on it."""

    folder: Path
    runtime: SetClock = field(default_factory=SetClock)
    opened: list[Any] = field(default_factory=list)
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    """Tells the data of this place from others' where many places share a server."""

    def __post_init__(self) -> None:
        self.cache = MemoryCache(self.runtime)
        """For all processes of the place."""

    def keep(self, thing: Any) -> Any:
        self.opened.append(thing)
        return thing

    def close(self) -> None:
        for thing in reversed(self.opened):
            if hasattr(thing, "close"):
                thing.close()

    def sqlite(self, file: str, statement: str, *values: object) -> None:
        """Changes a file behind its store's back: the damage that a writer leaves who dies half-way."""
        with closing(sqlite3.connect(self.folder / file)) as connection, connection:
            assert connection.execute(statement, values).rowcount == 1


@dataclass(frozen=True)
class Adapter:
    """`open` opens the data of a place, again after a close, or a second time beside the first.

    `open_reader` opens it as another process does that only reads. `damage`: ways to break rows, by name. `stack`:
    needs real servers. `prepare`: runs before each test, on servers that outlive it.
    """

    name: str
    open: Callable[[Place], Any]
    open_reader: Callable[[Place], Any] | None = None
    opt_outs: Mapping[str, str] = field(default_factory=dict)
    damage: Mapping[str, Callable[..., None]] = field(default_factory=dict)
    pass_time: Callable[[Place, float], None] = lambda place, seconds: place.runtime.pass_time(seconds)
    stack: bool = False
    prepare: Callable[[Place], None] = lambda _place: None


def _file(file: str, store: Callable[..., Any], *more: object) -> dict[str, Callable[[Place], Any]]:
    return {
        "open": lambda place: store(place.folder / file, place.runtime, *more),
        "open_reader": lambda place: store(place.folder / file, place.runtime, *more, read_only=True),
    }


def _memcached_node(place: Place) -> Any:
    """The store of one node, empty."""
    from murmuration_server.cache.memcached import MemcachedNode

    store = MemcachedNode(memcached_nodes()[0].address, place.runtime, MemcachedSettings())
    store.flush(Call.background(place.runtime))
    return store


def _memcached(place: Place) -> Any:
    """The cache over all nodes; their states lie in a file of the place."""
    from murmuration_server.cache.open_cluster import open_memcached

    settings = MemcachedSettings(nodes=tuple(node.address for node in memcached_nodes()))
    states = place.keep(SqliteNodeStateStore(place.folder / "nodes.db", place.runtime))
    opened = open_memcached(lambda: settings, states, place.runtime, Metrics())
    opened.keeper.run_once(Call.background(place.runtime))
    return opened.cache


def _sleep(_place: Place, seconds: float) -> None:
    """A server's clock cannot be set."""
    time.sleep(seconds)


class _HeadedFile(CachedHeads):
    """Heads of three entries, so that most answers come from both."""

    def __init__(self, place: Place, *, read_only: bool = False) -> None:
        homes = SqliteHomeStore(place.folder / "homes.db", place.runtime, read_only=read_only)
        self.close = homes.close
        super().__init__(homes, place.cache, place.runtime, TimelineSettings(), size=3)


def kafka_settings(place: Place, **more: Any) -> KafkaSettings:
    """For a log of the place's own on the shared broker."""
    single = {"replication_factor": 1, "min_insync_replicas": 1, "partitions": PARTITIONS}
    prefix = f"{place.folder.name}-{place.token}."
    return KafkaSettings(bootstrap_servers=kafka_broker().address, prefix=prefix, **(single | more))


def _kafka(place: Place) -> Any:
    from murmuration_server.eventlog.kafka.log import KafkaEventLog

    return KafkaEventLog(kafka_settings(place), place.runtime)


_BROKERS_DROP = "the brokers drop records by age, so that groups that come later find them"


def _emptied(*services: str) -> Callable[[Place], None]:
    """Nothing is left in these services' tables of the keyspace that all tests share."""

    def prepare(_place: Place) -> None:
        from murmuration_server.roles.cql import SCHEMAS

        empty([schema for schema in SCHEMAS if schema.service in services])

    return prepare


def _cql_leases(_place: Place) -> Any:
    from murmuration_server.platform.lease_stores.cql import CqlLeaseStore

    return CqlLeaseStore(cql_session())


def _cql_node_states(_place: Place) -> Any:
    from murmuration_server.cache.node_stores.cql import CqlNodeStateStore

    return CqlNodeStateStore(cql_session())


def _cql_users(_place: Place) -> Any:
    from murmuration_server.users.stores.cql import CqlUserStore

    return CqlUserStore(cql_session())


def _cql_homes(_place: Place) -> Any:
    from murmuration_server.timeline.stores.cql import CqlHomeStore

    return CqlHomeStore(cql_session(), LONG_HORIZON_MS)


def _cql_home_states(_place: Place) -> Any:
    from murmuration_server.timeline.stores.cql import CqlHomeStateStore

    return CqlHomeStateStore(cql_session())


def _cql_graph(_place: Place) -> Any:
    from murmuration_server.graph.stores.cql import CqlGraphStore

    return CqlGraphStore(cql_session())


def _cql_tweets(_place: Place) -> Any:
    from murmuration_server.tweets.stores.cql import CqlTweetStore

    return CqlTweetStore(cql_session(), DAY_MS)


_ENDS_BY_ITSELF = "each row is written with its end (a TTL), so nothing has to drop it"
_NOTHING_IS_KEPT = "a cache that is switched off keeps nothing"

LEASE_STORES = [
    Adapter("sqlite", lambda place: SqliteLeaseStore(place.folder / "leases.db", place.runtime)),
    Adapter("cql", _cql_leases, prepare=_emptied("leases"), stack=True),
]
EVENT_LOGS = [
    Adapter("sqlite", **_file("log.db", SqliteEventLog, PARTITIONS)),
    Adapter(
        "kafka",
        _kafka,
        opt_outs={
            "test_trim_drops_what_every_group_has_committed": _BROKERS_DROP,
            "test_offsets_go_on_after_a_trim": _BROKERS_DROP,
            "test_a_group_that_comes_after_a_trim_waits_for_nothing_that_is_gone": _BROKERS_DROP,
        },
        stack=True,
    ),
]
CACHE_STORES = [
    Adapter("memory", lambda place: MemoryCache(place.runtime)),
    Adapter(
        "none",
        lambda _place: NoCache(),
        opt_outs={
            "test_what_is_set_is_there": _NOTHING_IS_KEPT,
            "test_any_bytes_are_kept": _NOTHING_IS_KEPT,
            "test_add_stores_only_where_nothing_is": _NOTHING_IS_KEPT,
            "test_one_of_many_adds_at_once_succeeds": _NOTHING_IS_KEPT,
            "test_cas_replaces_what_the_token_was_given_for": _NOTHING_IS_KEPT,
            "test_cas_fails_where_the_entry_was_replaced": _NOTHING_IS_KEPT,
            "test_cas_fails_where_the_same_bytes_were_put_again": _NOTHING_IS_KEPT,
            "test_cas_fails_where_the_entry_was_deleted": _NOTHING_IS_KEPT,
            "test_cas_fails_where_the_entry_was_deleted_and_added_again": _NOTHING_IS_KEPT,
            "test_one_of_many_cas_at_once_succeeds": _NOTHING_IS_KEPT,
            "test_an_entry_ends_with_its_time": _NOTHING_IS_KEPT,
            "test_cas_fails_where_the_entry_ended": _NOTHING_IS_KEPT,
            "test_a_set_begins_the_time_anew": _NOTHING_IS_KEPT,
            "test_delete_takes_one_entry": _NOTHING_IS_KEPT,
            "test_flush_takes_all": _NOTHING_IS_KEPT,
            "test_prepend_puts_bytes_in_front": _NOTHING_IS_KEPT,
            "test_prepend_leaves_the_entry_its_time": _NOTHING_IS_KEPT,
            "test_cas_fails_where_something_was_prepended": _NOTHING_IS_KEPT,
            "test_of_many_prepends_at_once_none_is_lost": _NOTHING_IS_KEPT,
            "test_many_are_prepended_and_the_others_left": _NOTHING_IS_KEPT,
            "test_entries_of_many_ids_are_found_in_one_look_up": _NOTHING_IS_KEPT,
            "test_of_many_those_are_added_that_are_not_there": _NOTHING_IS_KEPT,
            "test_of_many_those_are_replaced_that_are_what_the_token_was_given_for": _NOTHING_IS_KEPT,
            "test_each_of_many_has_its_own_value_token_and_time": _NOTHING_IS_KEPT,
            "test_added_at_once_each_is_added_by_one": _NOTHING_IS_KEPT,
            "test_replaced_at_once_each_is_replaced_by_one": _NOTHING_IS_KEPT,
            "test_many_large_values_are_stored": _NOTHING_IS_KEPT,
            "test_what_is_watched_is_unchanged_until_it_is_written": _NOTHING_IS_KEPT,
            "test_what_is_watched_changes_where_it_is_put_there_again": _NOTHING_IS_KEPT,
            "test_what_is_watched_changes_with_its_end": _NOTHING_IS_KEPT,
            "test_what_is_watched_changes_with_a_flush": _NOTHING_IS_KEPT,
            "test_very_many_entries_are_watched_at_once": _NOTHING_IS_KEPT,
            "test_a_token_that_was_never_given_is_not_unchanged": _NOTHING_IS_KEPT,
        },
    ),
    Adapter("memcached-node", _memcached_node, pass_time=_sleep, stack=True),
    Adapter("memcached", _memcached, pass_time=_sleep, stack=True),
]
NODE_STATE_STORES = [
    Adapter("sqlite", lambda place: SqliteNodeStateStore(place.folder / "nodes.db", place.runtime)),
    Adapter("cql", _cql_node_states, prepare=_emptied("cache"), stack=True),
]
USER_STORES = [
    Adapter("users-sqlite", **_file("users.db", SqliteUserStore)),
    Adapter("users-cql", _cql_users, prepare=_emptied("users", "outbox"), stack=True),
]
GRAPH_STORES = [
    Adapter(
        "graph-sqlite",
        **_file("graph.db", SqliteGraphStore),
        damage={
            "lose_follower_row": lambda place, user_id, other_id: place.sqlite(
                "graph.db", "DELETE FROM followers WHERE user_id = ? AND follower_id = ?", other_id, user_id
            ),
            "lose_blocked_by_row": lambda place, user_id, other_id: place.sqlite(
                "graph.db", "DELETE FROM blocked_by WHERE user_id = ? AND other_id = ?", other_id, user_id
            ),
        },
    ),
    Adapter(
        "graph-cql",
        _cql_graph,
        prepare=_emptied("graph", "outbox"),
        stack=True,
        damage={
            "lose_follower_row": lambda _place, user_id, other_id: lose(
                "followers", user_id=other_id, follower_id=user_id
            ),
            "lose_blocked_by_row": lambda _place, user_id, other_id: lose(
                "blocked_by", user_id=other_id, other_id=user_id
            ),
        },
    ),
]
TWEET_STORES = [
    Adapter(
        "tweets-sqlite",
        **_file("tweets.db", SqliteTweetStore),
        damage={
            "lose_list_row": lambda place, tweet_id: place.sqlite(
                "tweets.db", "DELETE FROM user_tweets WHERE tweet_id = ?", tweet_id
            ),
        },
    ),
    Adapter(
        "tweets-cql",
        _cql_tweets,
        prepare=_emptied("tweets", "outbox"),
        stack=True,
        damage={"lose_list_row": lambda _place, tweet_id: lose("user_tweets", tweet_id=tweet_id)},
        opt_outs={"test_forgotten_claims_are_free": _ENDS_BY_ITSELF},
    ),
]
OUTBOX_SOURCES = [*USER_STORES, *GRAPH_STORES, *TWEET_STORES]
HOME_STORES = [
    Adapter("sqlite", **_file("homes.db", SqliteHomeStore)),
    Adapter(
        "sqlite-with-heads",
        open=_HeadedFile,
        open_reader=lambda place: _HeadedFile(place, read_only=True),
    ),
    Adapter(
        "cql",
        _cql_homes,
        prepare=_emptied("timeline"),
        stack=True,
        opt_outs={"test_what_is_old_goes_some_users_at_a_time": _ENDS_BY_ITSELF},
    ),
]
HOME_STATE_STORES = [
    Adapter("sqlite", **_file("home-states.db", SqliteHomeStateStore)),
    Adapter("cql", _cql_home_states, prepare=_emptied("timeline", "outbox"), stack=True),
]
