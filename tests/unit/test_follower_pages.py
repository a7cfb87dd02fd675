"""Pages of followers, many at once: within the bounds of a request, in the order asked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import pytest

from murmuration.internal.v1 import graph_pb2
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.none import NoCache
from murmuration_server.graph.client import GraphClient
from murmuration_server.graph.follower_pages import MAX_IDS, MAX_LIMIT, MAX_PAGES, FollowerPage
from murmuration_server.graph.service import GraphReadService
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import GraphSettings, ServerSettings
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.server import Dispatcher
from tests.support.contract_clock import SetClock

FOLLOWERS = 3


class Asked:
    """A store where followers 1 to 3 follow everybody, which says how many pages it was asked for at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def list_followers(self, call: Call, pages: Sequence[FollowerPage]) -> list[list[int]]:
        self.sizes.append(len(pages))
        return [list(range(page.after + 1, FOLLOWERS + 1))[: page.limit] for page in pages]


class Bench:
    def __init__(self) -> None:
        runtime, metrics = SetClock(), Metrics()
        dispatcher = Dispatcher(runtime, metrics, ServerSettings())
        self.store, self.call = Asked(), Call.background(runtime, 600)
        as_store: Any = self.store
        reads = graph_pb2.DESCRIPTOR.services_by_name["GraphReadService"]
        dispatcher.bind(reads, GraphReadService(as_store, GraphSettings()))
        cache = Cache(NoCache(), runtime, metrics, local=False)
        self.client = GraphClient(InProcessChannel(dispatcher), cache, 0.0)

    def ask(self, pages: Sequence[FollowerPage]) -> list[tuple[list[int], bool]]:
        return [(list(ids), exhausted) for ids, exhausted in self.client.follower_ids(self.call, pages)]


def page(after: int, limit: int) -> FollowerPage:
    return FollowerPage(7, 0, after, limit)


def test_each_page_is_answered_with_whether_it_is_the_last() -> None:
    bench = Bench()
    found = bench.ask([page(0, 2), page(2, 2), page(0, 3), page(3, 3)])
    assert found == [([1, 2], False), ([3], True), ([1, 2, 3], False), ([], True)]
    assert bench.store.sizes == [4]
    assert bench.ask([]) == []
    assert bench.store.sizes == [4]


def test_no_request_has_more_pages_than_one_may_have() -> None:
    bench = Bench()
    pages = [page(number % FOLLOWERS, 1) for number in range(2 * MAX_PAGES + 1)]
    assert [ids for ids, _ in bench.ask(pages)] == [[number % FOLLOWERS + 1] for number in range(len(pages))]
    assert bench.store.sizes == [MAX_PAGES, MAX_PAGES, 1]


def test_no_request_asks_for_more_ids_than_one_may_have() -> None:
    bench = Bench()
    full = MAX_IDS // MAX_LIMIT
    bench.ask([page(0, MAX_LIMIT)] * full)
    bench.ask([*[page(0, MAX_LIMIT)] * (full - 1), page(0, MAX_LIMIT - 1), page(0, 2), page(0, 1)])
    assert bench.store.sizes == [full, full, 2]


def test_the_next_request_waits_until_the_pages_of_the_last_are_read() -> None:
    bench = Bench()
    found = bench.client.follower_ids(bench.call, [page(0, 1)] * (MAX_PAGES + 1))
    assert len(list(islice(found, MAX_PAGES))) == MAX_PAGES
    assert bench.store.sizes == [MAX_PAGES]
    assert len(list(found)) == 1
    assert bench.store.sizes == [MAX_PAGES, 1]


@pytest.mark.parametrize(
    "limits",
    [[1] * (MAX_PAGES + 1), [MAX_LIMIT] * (MAX_IDS // MAX_LIMIT) + [1], [1, 0], [MAX_LIMIT + 1]],
)
def test_a_request_beyond_the_bounds_is_refused(limits: list[int]) -> None:
    bench = Bench()
    as_store: Any = bench.store
    request = graph_pb2.BatchListFollowerIdsRequest(
        pages=[graph_pb2.ListFollowerIdsRequest(author_id=7, limit=limit) for limit in limits]
    )
    with pytest.raises(MurmurationError) as caught:
        GraphReadService(as_store, GraphSettings()).BatchListFollowerIds(bench.call, request)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert bench.store.sizes == []
