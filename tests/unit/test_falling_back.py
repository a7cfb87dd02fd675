"""Without a quorum: reads are run again for what one replica has; that is marked, kept nowhere, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import grpc
import pytest

from murmuration.internal.v1 import user_pb2 as internal
from murmuration.v1 import user_pb2
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Entry, Kind
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.platform.call import FALL_BACK_METADATA, Call
from murmuration_server.platform.config import ServerSettings, TimelineSettings
from murmuration_server.platform.errors import MurmurationError, Unavailable, UserNotFound
from murmuration_server.platform.ids import MAX_ID
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.server import Dispatcher
from murmuration_server.timeline.activity import Activity
from murmuration_server.timeline.heads import CachedHeads
from murmuration_server.timeline.store import INCOMPLETE, HomeState
from murmuration_server.tweets.client import Candidate
from tests.protocols.nodes_bench import NodesBench
from tests.protocols.nodes_bench import run as run_nodes

RUNTIME, METRICS = ThreadRuntime(), Metrics()
PUBLIC = user_pb2.DESCRIPTOR.services_by_name["UserService"]
INTERNAL = internal.DESCRIPTOR.services_by_name["UserReadService"]


@pytest.fixture
def call() -> Call:
    return Call.background(RUNTIME)


class Servicer:
    """Every method does the same: `answers` by whether the call may fall back."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.asked: list[bool] = []

    def __getattr__(self, name: str) -> Callable[[Call, object], Any]:
        return self._answer

    def _answer(self, call: Call, request: object) -> Any:
        self.asked.append(call.may_fall_back)
        found = self._answers["at_hand" if call.may_fall_back else "surely"]
        if isinstance(found, Exception):
            raise found
        return found


def invoke(servicer: Servicer, name: str, metadata: tuple[tuple[str, str], ...] = (), *, inside: bool = False) -> bytes:
    dispatcher, service = Dispatcher(RUNTIME, METRICS, ServerSettings()), INTERNAL if inside else PUBLIC
    dispatcher.bind(service, servicer, falling_back={"GetUser"})
    method = dispatcher.method(f"/{service.full_name}/{name}")
    assert method is not None
    return dispatcher.invoke(method, b"", metadata, 5.0)


def test_a_read_is_run_again_for_what_is_at_hand() -> None:
    found = Servicer(surely=Unavailable("the database"), at_hand=b"what one replica has")
    assert invoke(found, "GetUser") == b"what one replica has"
    assert found.asked == [False, True]


def test_what_writes_is_not() -> None:
    found = Servicer(surely=Unavailable("the database"), at_hand=b"")
    with pytest.raises(Unavailable):
        invoke(found, "CreateUser")
    assert found.asked == [False]


def test_a_read_that_was_answered_is_not() -> None:
    found = Servicer(surely=UserNotFound(1), at_hand=b"")
    with pytest.raises(UserNotFound):
        invoke(found, "GetUser")
    assert found.asked == [False]


def test_what_one_replica_lacks_may_be_there() -> None:
    """A caller would take NOT_FOUND for good."""
    with pytest.raises(MurmurationError) as refused:
        invoke(Servicer(surely=Unavailable("the database"), at_hand=UserNotFound(1)), "GetUser")
    assert refused.value.code is grpc.StatusCode.UNAVAILABLE


def test_it_goes_along_from_role_to_role_and_no_caller_may_ask_for_it(call: Call) -> None:
    asked = ((FALL_BACK_METADATA, "1"),)
    assert set(asked) <= set(call.falling_back().metadata())
    assert FALL_BACK_METADATA not in dict(call.metadata())
    for inside in (True, False):
        found = Servicer(surely=b"", at_hand=b"")
        invoke(found, "BatchGetUserRecords" if inside else "CreateUser", asked, inside=inside)
        assert found.asked == [inside]


def kind_of(load: Callable[[Call, Sequence[int]], dict[int, bytes]], **more: Any) -> Kind[bytes]:
    return Kind("fact", 1, 60.0, load, bytes, bytes, **more)


@pytest.mark.parametrize("local_seconds", [0.0, 60.0])
def test_what_was_read_so_is_not_cached(call: Call, local_seconds: float) -> None:
    """It would be missing for everybody, and for long after the other replicas are back."""
    cache = Cache(MemoryCache(RUNTIME), RUNTIME, METRICS)
    kind = kind_of(
        lambda asking, ids: dict.fromkeys(ids, b"old" if asking.may_fall_back else b"new"),
        local_seconds=local_seconds,
    )
    assert cache.get(call.falling_back(), kind, 1) == b"old"
    assert cache.get(call, kind, 1) == b"new"
    assert cache.get(call.falling_back(), kind, 1) == b"new", "what is cached is at hand"


def test_what_may_be_left_out_is(call: Call) -> None:
    def load(asking: Call, ids: Sequence[int]) -> dict[int, bytes]:
        raise Unavailable("the database")

    cache = Cache(MemoryCache(RUNTIME), RUNTIME, METRICS)
    needed, not_needed = kind_of(load), kind_of(load, left_out=True)
    assert cache.get_many(call.falling_back(), [Entry(not_needed, 1)]) == {}
    for asking, kind in ((call, not_needed), (call.falling_back(), needed)):
        with pytest.raises(Unavailable):
            cache.get_many(asking, [Entry(kind, 1)])


def test_nodes_are_read_under_the_lease_that_was_held_last() -> None:
    """Nobody can say that they are still in: the answer is marked, and nothing else is to be had."""

    def main(bench: NodesBench) -> None:
        process, key = bench.process(), None
        bench.facts[1] = b"held"
        assert process.read(1) == b"held"
        key = process.kind.key(1)

        def is_away(*_: object) -> None:
            raise Unavailable("the store of cache nodes")

        bench.runtime.hooks["nodes.read"] = is_away
        bench.runtime.sleep(process.view.lease_seconds)
        assert process.store.get_many(bench.call(), [key]) == {}
        assert key in process.store.get_many(bench.call().falling_back(), [key])
        assert bench.process().store.get_many(bench.call().falling_back(), [key]) == {}, "this one never held any"

    run_nodes(1, main)


class Homes:
    """A store of which one replica lacks a row."""

    def read(self, call: Call, user_id: int, before_id: int, from_id: int, limit: int) -> list[Candidate]:
        return [Candidate(id_, 7, 0, 0, 1) for id_ in ([1] if call.may_fall_back else [2, 1])]


def test_no_head_is_made_of_it(call: Call) -> None:
    homes: Any = Homes()
    heads = CachedHeads(homes, MemoryCache(RUNTIME), RUNTIME, TimelineSettings(), 10)

    def read(asking: Call) -> list[int]:
        return [row.tweet_id for row in heads.read(asking, 5, MAX_ID, 0, 10)]

    assert read(call.falling_back()) == [1]
    assert read(call) == [2, 1]
    assert read(call.falling_back()) == [2, 1]


def test_reading_so_notes_nothing(call: Call) -> None:
    """Nothing could be written; a rebuild that was asked for so would be one that one replica did not know of."""
    nothing: Any = None
    activity = Activity(nothing, nothing, nothing, nothing, nothing, TimelineSettings())
    now, long_ago = RUNTIME.now_ms(), 0
    assert activity.enter(call.falling_back(), 5, HomeState(now, 9, 0)) == 9
    assert activity.enter(call.falling_back(), 5, HomeState(long_ago, 9, 0)) == INCOMPLETE
    assert activity.enter(call.falling_back(), 5, HomeState(now, INCOMPLETE, 0)) == INCOMPLETE
