"""What only the CQL adapter of homes does: rows with an end, batches by replicas, resume points after the rows."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.errors import Unavailable
from murmuration_server.sharding.cql_ring import ReplicaSets
from murmuration_server.timeline.store import Progress
from murmuration_server.timeline.stores.cql import ROW_BYTES, SCHEMA, CqlHomeStore
from murmuration_server.tweets.client import Candidate
from tests.support.contract_clock import START_MS, SetClock
from tests.support.factories import id_at
from tests.support.real_cassandra import empty

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

HORIZON_MS = 30 * DAY_MS
ALL = 1 << 62


def post(tweet_id: int) -> Candidate:
    return Candidate(tweet_id, 7, 0, 0, 1)


@pytest.fixture
def session() -> CqlSession:
    return empty([SCHEMA])


@pytest.fixture
def call() -> Call:
    return Call.background(SetClock(), 600)


def test_a_row_ends_a_day_after_its_posts_horizon(session: CqlSession, call: Call) -> None:
    age_ms = 10 * DAY_MS
    CqlHomeStore(session, HORIZON_MS).write(call, [(1, post(id_at(START_MS - age_ms)))])
    left = session.driver.execute("SELECT ttl(author_id) FROM home").one()[0]
    expected = (HORIZON_MS + DAY_MS - age_ms) / 1000
    assert expected - 60 < left <= expected


def test_a_post_beyond_its_end_is_not_written(session: CqlSession, call: Call) -> None:
    store = CqlHomeStore(session, HORIZON_MS)
    store.write(call, [(1, post(id_at(START_MS - HORIZON_MS - DAY_MS - 1000))), (1, post(id_at(START_MS)))])
    assert [found.tweet_id for found in store.read(call, 1, ALL, 0, 10)] == [id_at(START_MS)]


class Watched:
    """The session, with what is sent through it; refuses batches where it is told to."""

    def __init__(self, session: CqlSession, *, refuses: bool = False) -> None:
        self._session, self._refuses = session, refuses
        self.sizes: list[int] = []
        self.written: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def send(self, call: Call, kind: str, batches: Iterable[Any], at_once: int) -> None:
        batches = list(batches)
        self.sizes += [len(batch) for batch in batches]
        if self._refuses:
            raise Unavailable("the database")
        self._session.send(call, kind, batches, at_once)

    def write(self, call: Call, *requests: Any) -> None:
        self.written += requests
        self._session.write(call, *requests)


def test_batches_are_bounded_in_bytes(session: CqlSession, call: Call) -> None:
    watched: Any = Watched(session)
    store = CqlHomeStore(watched, HORIZON_MS)
    most = session.settings.batch_bytes // ROW_BYTES
    tweet = post(id_at(START_MS))
    store.write(call, [(user, tweet) for user in range(2 * most + 1)])
    assert sorted(watched.sizes) == [1, most, most]
    assert all(store.read(call, user, ALL, 0, 10) == [tweet] for user in (0, most, 2 * most))


def test_no_resume_point_stands_before_its_rows(session: CqlSession, call: Call) -> None:
    watched: Any = Watched(session, refuses=True)
    store = CqlHomeStore(watched, HORIZON_MS)
    tweet_id = id_at(START_MS)
    with pytest.raises(Unavailable):
        store.write(call, [(1, post(tweet_id))], [Progress(tweet_id, 0, 1)])
    assert store.progress(call, [(tweet_id, 0)]) == [0]


def test_keys_are_grouped_by_their_replicas(session: CqlSession) -> None:
    """As the driver itself tells, on a ring of more nodes than there are copies."""
    names = ["a", "b", "c", "d"]
    hosts = [SimpleNamespace(endpoint=name, datacenter=session.settings.datacenter) for name in names]
    tokens = [SimpleNamespace(value=value) for value in (-(2**62), -1, 2**61, 2**62)]
    owners = dict(zip((token.value for token in tokens), ([0, 1], [2, 3], [0, 1], [2, 3]), strict=True))
    ring = SimpleNamespace(
        ring=tokens, get_replicas=lambda _keyspace, token: [hosts[place] for place in owners[token.value]]
    )
    metadata = SimpleNamespace(token_map=ring, all_hosts=lambda: hosts)
    fake: Any = SimpleNamespace(
        settings=session.settings, driver=SimpleNamespace(cluster=SimpleNamespace(metadata=metadata))
    )
    of_key = ReplicaSets(fake).current()
    from cassandra.cmurmur3 import murmur3

    groups: dict[Any, set[int]] = {}
    for number in range(200):
        key = number.to_bytes(8, "big")
        owner = next((token.value for token in tokens if murmur3(key) <= token.value), tokens[0].value)
        groups.setdefault(of_key(key), set()).add(owners[owner][0])
    assert groups == {frozenset("ab"): {0}, frozenset("cd"): {2}}


def test_where_all_nodes_hold_all_keys_are_alike(session: CqlSession) -> None:
    of_key = ReplicaSets(session).current()
    assert len({of_key(number.to_bytes(8, "big")) for number in range(50)}) == 1
