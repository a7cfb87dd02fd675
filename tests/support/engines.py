"""What a whole system stands on, for tests that assemble one: files and a cache of its own, or real servers."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from murmuration_server.cache.memory import MemoryCache
from murmuration_server.cache.none import NoCache
from murmuration_server.cache.port import CacheStore
from murmuration_server.eventlog.port import EventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import Settings
from murmuration_server.platform.errors import MurmurationError, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.roles.engine import Engine as DistributedEngine
from murmuration_server.roles.files import Files
from murmuration_server.roles.serving import ServingPorts
from murmuration_server.roles.working import WorkingPorts
from tests.support.contract_clock import SetClock


class Engine(Protocol):
    """Data that outlive the processes which are opened on them. `settings`: sections that the engine needs."""

    settings: dict[str, Any]
    transient: tuple[type[MurmurationError], ...]
    """What a step may fail with though all is well: a worker runs it again."""

    def open_worker(self, settings: Settings, runtime: SetClock) -> WorkingPorts: ...

    def close_worker(self) -> None: ...

    def open_serving(self, settings: Settings, runtime: SetClock, cache_bytes: int) -> ServingPorts:
        """`cache_bytes`: 0 for no cache; how much of it there is only where the engine has it to itself."""
        ...

    def close_serving(self) -> None: ...

    def time_passed(self, call: Call) -> None:
        """The test has set the clock: what has ended by it must be gone, also where a server has its own clock."""
        ...

    def waits(self, call: Call, log: EventLog) -> bool:
        """Whether records wait in the log though no step has found any."""
        ...

    def close(self) -> None: ...


class FileEngine:
    """As `murmurd up`."""

    transient = ()

    def __init__(self, folder: Path) -> None:
        self.settings: dict[str, Any] = {"data": folder}
        self._serving: Files | None = None
        self._worker: Files | None = None

    def open_worker(self, settings: Settings, runtime: SetClock) -> WorkingPorts:
        """Before the serving process, which reads these files and waits for them; and again beside it."""
        files = self._worker = Files(settings, runtime, "worker", runtime.event())
        homes, log = files.homes(read_only=False), files.log(read_only=False)
        if self._serving is None:
            # Makes the files that this process reads.
            self._open_serving_files(settings, runtime)
        return WorkingPorts(
            homes=homes,
            log=log,
            users=files.users(read_only=True),
            graph=files.graph(read_only=True),
            tweets=files.tweets(read_only=True),
            states=files.home_states(read_only=True),
        )

    def close_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()

    def _open_serving_files(self, settings: Settings, runtime: SetClock) -> None:
        files = Files(settings, runtime, "serving", runtime.event())
        for opened in (files.users, files.graph, files.tweets, files.home_states):
            opened(read_only=False)
        files.close()

    def open_serving(self, settings: Settings, runtime: SetClock, cache_bytes: int) -> ServingPorts:
        files = self._serving = Files(settings, runtime, "serving", runtime.event())
        return ServingPorts(
            users=files.users(read_only=False),
            graph=files.graph(read_only=False),
            tweets=files.tweets(read_only=False),
            states=files.home_states(read_only=False),
            leases=files.leases(),
            homes=files.homes(read_only=True),
            log=files.log(read_only=True),
            cache=MemoryCache(runtime, cache_bytes) if cache_bytes else NoCache(),
            keys=files.signing_keys(),
            placement=files.placement(),
            alone=True,
        )

    def close_serving(self) -> None:
        if self._serving is not None:
            self._serving.close()

    def time_passed(self, call: Call) -> None:
        """All clocks here are the test's."""

    def waits(self, call: Call, log: EventLog) -> bool:
        return False

    def close(self) -> None:
        """The folder is the test's."""


class StackEngine:
    """Cassandra, Kafka and Memcached, started for the run. The database is emptied for each system; the log has its own
    names, and so has the cache, by its generations. `cached`: whether there are cache nodes."""

    # Topics have just been made, and a broker may not know yet that it leads a partition.
    transient = (Unavailable,)

    def __init__(self, *, cached: bool = True) -> None:
        from murmuration_server.roles.cql import SCHEMAS
        from tests.support.real_cassandra import cql_settings, empty
        from tests.support.real_kafka import kafka_broker
        from tests.support.real_memcached import memcached_nodes

        empty(SCHEMAS)
        self.settings: dict[str, Any] = {
            "cql": cql_settings().model_dump(),
            "kafka": {
                "bootstrap_servers": kafka_broker().address,
                "prefix": f"scenario-{secrets.token_hex(6)}.",
                "replication_factor": 1,
                "min_insync_replicas": 1,
                "partitions": 2,
            },
            # So few that most homes go on below their heads.
            "memcached": {
                "nodes": [node.address for node in memcached_nodes()] if cached else [],
                "head_entries": 3,
            },
            "keys": {"cursor": [f"1:{secrets.token_hex(32)}"]},
            # What is there need not come with the first poll.
            "fanout": {"consumer_wait_ms": 20},
        }
        self._cached = cached
        self._serving, self._worker = ExitStack(), ExitStack()
        self._cache: CacheStore = NoCache()

    def open_worker(self, settings: Settings, runtime: SetClock) -> WorkingPorts:
        self._worker = ExitStack()
        ports = self._open(settings, runtime, self._worker).working_ports()
        # There is but one worker, and time passes for it in leaps.
        return replace(ports, relaying=None)

    def close_worker(self) -> None:
        self._worker.close()

    def open_serving(self, settings: Settings, runtime: SetClock, cache_bytes: int) -> ServingPorts:
        if bool(cache_bytes) != self._cached:
            pytest.skip("Taking away or adding all cache nodes is a change of members: test_cache_members has it.")
        self._serving = ExitStack()
        ports = self._open(settings, runtime, self._serving).serving_ports()
        self._cache = ports.cache
        return ports

    def close_serving(self) -> None:
        self._serving.close()

    def _open(self, settings: Settings, runtime: SetClock, closing: ExitStack) -> DistributedEngine:
        call = Call.background(runtime, 60)
        return DistributedEngine(lambda: settings, runtime, Metrics(), secrets.token_hex(8), call, closing)

    def time_passed(self, call: Call) -> None:
        self._cache.flush(call)

    def waits(self, call: Call, log: EventLog) -> bool:
        return any(backlog.records for backlog in log.backlog(call))

    def close(self) -> None:
        self._serving.close()
        self._worker.close()
