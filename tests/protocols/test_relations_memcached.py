"""Protocol B on real Memcached: two processes, each with its own connections, its own view of the nodes and its own
parsed copies, over one store of relations. (tests/protocols/test_relations.py has all of it under a scheduler.)"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from murmuration_server.cache.cluster import ClusterCache
from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.cache.open_cluster import open_memcached
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.graph.stores.sqlite import SqliteGraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings, OutboxSettings
from murmuration_server.platform.ids import IdGenerator
from murmuration_server.platform.lease_stores.sqlite import SqliteLeaseStore
from murmuration_server.platform.runtime import ThreadRuntime
from tests.protocols.history import History
from tests.protocols.relations_bench import METRICS, Process
from tests.support.real_memcached import memcached_nodes
from tests.support.scheduled import Hook

pytestmark = pytest.mark.stack

ALICE, BOB, CAROL = 1, 2, 3
PATIENCE_SECONDS = 30.0
TURNS = 60
"""Of each writer and each reader of the crowd."""


class Threads(ThreadRuntime):
    """Real threads: the kernel chooses who runs where a scheduler would have been asked."""

    def checkpoint(self, label: str) -> None:
        return


class Bench:
    """What `Process` stands on. Each process opens the nodes for itself."""

    def __init__(self, folder: Path) -> None:
        self.runtime = Threads()
        self.store = SqliteGraphStore(folder / "graph.db", self.runtime)
        self.rule = BucketRule(self.runtime, OutboxSettings())
        self._leases = SqliteLeaseStore(folder / "leases.db", self.runtime)
        self.ids = IdGenerator(self.runtime, self._leases, "bench")
        self._states = SqliteNodeStateStore(folder / "nodes.db", self.runtime)
        self._settings = MemcachedSettings(nodes=tuple(node.address for node in memcached_nodes()))
        self._opened: list[ClusterCache] = []

    def call(self) -> Call:
        return Call.background(self.runtime, PATIENCE_SECONDS)

    def process(self, hook: Hook | None = None) -> Process:
        opened = open_memcached(lambda: self._settings, self._states, self.runtime, METRICS)
        opened.keeper.run_once(self.call())
        self.cache_store = opened.cache
        self._opened.append(opened.cache)
        return Process(self, hook)  # type: ignore[arg-type]

    def close(self) -> None:
        for thing in (*self._opened, self._states, self._leases, self.store):
            thing.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


class Standstill:
    """A hook: the first of its process's calls with one of these labels stands still until `go`."""

    def __init__(self, *labels: str) -> None:
        self._labels, self._stands, self._goes = labels, threading.Event(), threading.Event()

    def __call__(self, label: str) -> None:
        if label in self._labels and not self._stands.is_set():
            self._stands.set()
            assert self._goes.wait(PATIENCE_SECONDS)

    def await_it(self) -> None:
        assert self._stands.wait(PATIENCE_SECONDS)

    def go(self) -> None:
        self._goes.set()


def following(bench: Bench, process: Process) -> set[int]:
    return set(process.relations(bench.call(), ALICE).following)


def test_b1_of_two_writers_the_earlier_one_comes_last_to_the_cache(bench: Bench) -> None:
    """W1 follows, and stands still in front of the cache; W2 unfollows and acks; W1 goes on and acks."""
    still = Standstill("cache.delete", "cache.set")
    one, other = bench.process(still), bench.process()
    assert [following(bench, process) for process in (one, other)] == [set(), set()]
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one.changes.follow, bench.call(), ALICE, BOB, False)
        try:
            still.await_it()
            other.changes.unfollow(bench.call(), ALICE, BOB)
            assert following(bench, other) == set()
        finally:
            still.go()
        first.result(PATIENCE_SECONDS)
    for process in (one, other) * 2:
        assert following(bench, process) == set()


def test_b1_a_fill_that_read_before_a_change_is_void(bench: Bench) -> None:
    """One has read the relations and stands still in front of his cas; another follows and acks."""
    still = Standstill("cache.cas_many", "cache.set")
    one, other = bench.process(still), bench.process()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(following, bench, one)
        try:
            still.await_it()
            other.changes.follow(bench.call(), ALICE, BOB, False)
        finally:
            still.go()
        reading.result(PATIENCE_SECONDS)
    for process in (one, other) * 2:
        assert following(bench, process) == {BOB}


def test_b2_a_process_parses_anew_what_another_has_filled_anew(bench: Bench) -> None:
    """Also where the new entry is byte for byte an old one but for its tag, and where two contents share a version."""
    one, other = bench.process(), bench.process()
    one.changes.follow(bench.call(), ALICE, BOB, False)
    assert [following(bench, process) for process in (one, other)] == [{BOB}, {BOB}]
    held = one.relations(bench.call(), ALICE)
    assert one.relations(bench.call(), ALICE) is held, "kept as long as the entry is the same"
    for change, wanted in [
        (lambda: other.changes.follow(bench.call(), ALICE, CAROL, False), {BOB, CAROL}),
        (lambda: other.changes.unfollow(bench.call(), ALICE, CAROL), {BOB}),
        (lambda: other.changes.unfollow(bench.call(), ALICE, BOB), set()),
    ]:
        change()
        assert [following(bench, process) for process in (other, one)] == [wanted, wanted]


def test_b_a_crowd_on_two_processes(bench: Bench) -> None:
    """A read that begins after an ack sees the change, whoever reads."""
    processes = [bench.process(), bench.process()]
    history: History[int, bool] = History({BOB: False, CAROL: False})

    def write(process: Process, followee: int) -> None:
        for turn in range(TURNS):
            name = "unfollow" if turn % 2 else "follow"
            more = () if turn % 2 else (False,)
            work: Callable[..., None] = getattr(process.changes, name)
            history.change(name, followee, not turn % 2, lambda: work(bench.call(), ALICE, followee, *more))  # noqa: B023

    def read(process: Process) -> None:
        for _ in range(TURNS):
            history.read("reader", lambda: {other: other in following(bench, process) for other in (BOB, CAROL)})

    with ThreadPoolExecutor(4) as pool:
        tasks = [pool.submit(write, process, who) for process, who in zip(processes, (BOB, CAROL), strict=True)]
        tasks += [pool.submit(read, process) for process in processes]
        for task in tasks:
            task.result(PATIENCE_SECONDS * 2)
    for process in processes:
        assert following(bench, process) == set()
