"""What only the CQL adapter of authors' lists does: it reads many of them beside one another, bucket by bucket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS
from murmuration_server.platform.cql.session import CqlSession, Row
from murmuration_server.platform.cql.statement import Request
from murmuration_server.tweets.store import ListRange
from murmuration_server.tweets.stores.cql import CqlTweetStore
from murmuration_server.tweets.stores.cql_schema import SCHEMA
from tests.support.contract_clock import START_MS, SetClock
from tests.support.factories import id_at, post
from tests.support.real_cassandra import empty

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

AUTHORS = range(1, 101)
YEARS_AGO = id_at(START_MS - 800 * DAY_MS)


class Counted:
    """The session; `read`: how many rows are asked for together, time after time."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session
        self.read: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def rows_of_each(self, call: Call, requests: Sequence[Request]) -> list[list[Row]]:
        self.read.append(len(requests))
        return self._session.rows_of_each(call, requests)


def test_each_bucket_of_all_lists_is_read_at_once() -> None:
    """Only lists that lack something are followed into their older buckets."""
    session: Any = Counted(empty([SCHEMA]))
    store, call = CqlTweetStore(session, DAY_MS), Call.background(SetClock(), 600)
    for author in AUTHORS:
        store.create(call, post(id_at(START_MS, worker=author), author_id=author), [], 0)
    store.create(call, post(YEARS_AGO, author_id=1), [], 0)
    session.read.clear()
    lists = store.list_recent(call, [ListRange(author, 0, id_at(START_MS - DAY_MS)) for author in AUTHORS], 10)
    assert [len(found) for found in lists] == [1] * len(AUTHORS)
    assert sum(session.read) == len(AUTHORS)
    assert len(session.read) == 1
    session.read.clear()
    lists = store.list_recent(call, [ListRange(1, 0, YEARS_AGO), *(ListRange(who, 0, YEARS_AGO) for who in (2, 3))], 1)
    assert [len(found) for found in lists] == [1, 1, 1]
    assert session.read == [3], "all are full"
    [found] = store.list_recent(call, [ListRange(1, 0, YEARS_AGO)], 10)
    assert [candidate.tweet_id for candidate in found] == [id_at(START_MS, worker=1), YEARS_AGO]
