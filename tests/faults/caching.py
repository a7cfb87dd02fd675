"""Processes with a cache on real Memcached nodes, under load, each read held against what was acked before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Kind
from murmuration_server.cache.node_stores.sqlite import SqliteNodeStateStore
from murmuration_server.cache.open_cluster import OpenCluster, open_memcached
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.worker import Worker

IDS = range(1, 13)
PATIENCE_SECONDS = 60.0
CALL_SECONDS = 10.0


class Processes:
    """Of each process: its view of the nodes, its connections, its keeper. The store is a dict for all of them."""

    def __init__(self, folder: Path, nodes: Sequence[str], count: int = 2) -> None:
        self.runtime, self.metrics = ThreadRuntime(), Metrics()
        self.nodes = tuple(nodes)
        self.states = SqliteNodeStateStore(folder / "nodes.db", self.runtime)
        self.facts = dict.fromkeys(IDS, 0)
        self.acked = dict.fromkeys(IDS, 0)
        self.kind: Kind[int] = Kind(
            "fact", 1, 600, self._load, encode=lambda value: b"%d" % value, decode=lambda data: int(data)
        )
        self.clusters = [self._open() for _ in range(count)]
        self.caches = [Cache(cluster.cache, self.runtime, self.metrics) for cluster in self.clusters]
        self.loads = 0
        self.wrong: list[str] = []
        self.refused = 0
        self.reads = self.changes = 0
        self._ended = threading.Event()
        self._workers = [
            Worker(f"keeper-{n}", cluster.keeper, self.runtime, self.metrics, 0.2)
            for n, cluster in enumerate(self.clusters)
        ]
        self._threads = [threading.Thread(target=self._change, args=(n,)) for n in range(count)]
        self._threads += [threading.Thread(target=self._read, args=(n,)) for n in range(count)]

    def __enter__(self) -> Processes:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        for worker in self._workers:
            worker.ask_to_stop()
        for worker in self._workers:
            worker.join(PATIENCE_SECONDS)
        for cluster in self.clusters:
            cluster.cache.close()
        self.states.close()

    def call(self) -> Call:
        return Call.background(self.runtime, CALL_SECONDS)

    def wait_for(self, ready: Callable[[], bool], what: str) -> float:
        """Answers how long that took."""
        began = time.monotonic()
        while not ready():
            assert not self.wrong, self.wrong[0]
            assert time.monotonic() - began < PATIENCE_SECONDS, f"waited in vain for {what}"
            time.sleep(0.02)
        return time.monotonic() - began

    def wait_for_load(self, reads: int = 300, changes: int = 50) -> None:
        """Until there was so much more of it."""
        reads, changes = self.reads + reads, self.changes + changes
        self.wait_for(lambda: self.reads >= reads and self.changes >= changes, "load")

    def all_in(self) -> bool:
        state = self.states.read(self.call())
        return state is not None and all(node.is_in for node in state.nodes.values())

    def is_used(self, node: str) -> bool:
        """Whether the node is asked and answers with hits."""
        cluster, call = self.clusters[0].cache, self.call()
        mine = [n for n in IDS if cluster.locate(call, n).node == node]
        for ring_id in mine:
            self.caches[0].get(call, self.kind, ring_id)
        found = cluster.get_many(call, [self.kind.key(ring_id) for ring_id in mine])
        return any(cached.value[:1] == b"V" for cached in found.values())

    def _open(self) -> OpenCluster:
        opened = open_memcached(self._settings, self.states, self.runtime, self.metrics)
        opened.keeper.run_once(self.call())
        return opened

    def _settings(self) -> MemcachedSettings:
        return MemcachedSettings(nodes=self.nodes)

    def _load(self, call: Call, ids: Sequence[int]) -> Mapping[int, int]:
        self.loads += len(ids)
        return {ring_id: self.facts[ring_id] for ring_id in ids}

    def _change(self, number: int) -> None:
        """Each writer has ids of his own, whose values only grow."""
        mine = list(IDS)[number :: len(self.clusters)]
        value = 0
        while not self._ended.is_set():
            value += 1
            for ring_id in mine:
                self.facts[ring_id] = value
                try:
                    self.caches[number].delete(self.call(), self.kind, ring_id)
                except MurmurationError:
                    self.refused += 1
                else:
                    self.acked[ring_id] = value
                    self.changes += 1
                self._ended.wait(0.005)

    def _read(self, number: int) -> None:
        while not self._ended.is_set():
            for ring_id in IDS:
                least = self.acked[ring_id]
                found = self.caches[number].get(self.call(), self.kind, ring_id) or 0
                if found < least:
                    self.wrong.append(f"{ring_id} is {found} for process {number}; {least} was acked before")
                self.reads += 1
            self._ended.wait(0.002)
