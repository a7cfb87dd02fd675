"""A whole system in the test's own process: real services behind a real gRPC server on loopback, on an engine of the
test's choice, and workers that the test runs by hand, step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest import mock

import grpc

from murmuration_client import Client
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import Settings
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.reception import Reception
from murmuration_server.platform.server import Dispatcher, grpc_server
from murmuration_server.platform.worker import Step
from murmuration_server.roles.serving import Serving, build_serving
from murmuration_server.roles.working import build_working
from tests.support.contract_clock import SetClock
from tests.support.engines import Engine
from tests.support.log_wrapper import UnrulyLog
from tests.support.port_wrapper import Breakable

MOST_PASSES = 1000
CACHE_BYTES = 1 << 20

_UNHURRIED: dict[str, Any] = {
    "fanout": {"consumer_wait_ms": 0},
    "timeline": {"read_budget_ms": 20_000, "kept_pages_late_ms": 0},
}
"""Steps that are run by hand wait for nothing, a slow machine makes no page short, and where the clock stands still no
page may be late."""

# Limits of one to three, so that a few posts meet every edge.
SMALL: dict[str, Any] = {
    "server": {"threads": 1, "max_concurrent_calls": 64},
    "timeline": {
        "home_size": 5,
        "horizon_ms": 3_600_000,
        "repost_window": 2,
        "max_page_size": 3,
        "fetch": 2,
        "activity_horizon_ms": 600_000,
        "activity_margin_ms": 60_000,
        "activity_touch_ms": 1_000,
        "view_reread_ms": 20_000,
        "view_full_refresh_ms": 300_000,
        "view_merge_authors": 1,
    },
    "tweets": {"recent_size": 2, "late_retry_ms": 10_000},
    "graph": {
        "max_following": 3,
        "followers_per_shard": 2,
        "max_blocks_cached": 1,
        "mode_refresh_ms": 500,
        "pull_above_followers": 2,
        "push_below_followers": 1,
    },
    "fanout": {
        "page_size": 1,
        "large_followers": 1,
        "batch": 3,
        "partitions": 2,
        "backfill_size": 2,
        "rebuild_size": 3,
    },
}
_SMALL_CONSTANTS = {
    "timeline.sources.MIN_FETCH": 1,
    "timeline.sources.AUTHORS_AT_ONCE": 2,
    "timeline.rebuild.AUTHORS_AT_ONCE": 2,
    "timeline.pull_view.READ_AT_ONCE": 2,
    "timeline.fanout.FLUSH_ROWS": 2,
    "timeline.backfill.ROWS_A_WRITE": 2,
    "eventlog.relay.ROWS_A_STEP": 3,
}


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Sections of settings, those in `change` over those in `base`."""
    return {name: {**base.get(name, {}), **change.get(name, {})} for name in base.keys() | change.keys()}


@contextlib.contextmanager
def small_constants() -> Iterator[None]:
    """Batch sizes that are no settings, of one to three as well."""
    with contextlib.ExitStack() as patches:
        for name, value in _SMALL_CONSTANTS.items():
            patches.enter_context(mock.patch(f"murmuration_server.{name}", value))
        yield


class Assembly:
    """`change`: settings over `SMALL`, or over the defaults with `small=False`. `cache_bytes`: 0 for none; it may
    be set to something else before `restart_serving`."""

    def __init__(
        self,
        engine: Engine,
        change: dict[str, Any] | None = None,
        *,
        cache_bytes: int = CACHE_BYTES,
        small: bool = True,
    ) -> None:
        self.runtime, self.engine = SetClock(), engine
        settings = merged(merged(_UNHURRIED, SMALL if small else {}), change or {})
        data = engine.settings.get("data")
        sections = {name: section for name, section in engine.settings.items() if name != "data"}
        self.settings = Settings(**({"data": data} if data else {}), **merged(settings, sections))
        self.cache_bytes = cache_bytes
        self.log: UnrulyLog | None = None
        self._server = self._client = None
        self._open_worker()
        self._start_serving()
        self._start_worker()

    # What tests call

    @property
    def client(self) -> Client:
        """Nobody's; `user` for somebody's."""
        return self._client

    @property
    def target(self) -> str:
        return self._client.target

    def user(self, user_id: int) -> Client:
        return self._client.acting_as(user_id)

    def call(self) -> Call:
        return Call.background(self.runtime, 600)

    def now_ms(self) -> int:
        return self.runtime.now_ms()

    @property
    def worker_steps(self) -> list[str]:
        return [name for name, _ in self._steps]

    def step(self, name: str) -> bool:
        """Runs one step of the worker or of the serving process once; answers whether there may be more."""
        step = dict(self._steps).get(name) or self._serving_steps[name]
        return step.run_once(self.call())

    def crash_in(self, name: str) -> None:
        """Runs a step whose commit fails, then begins the worker anew."""
        self.log.failing = True
        with contextlib.suppress(MurmurationError):
            self.step(name)
        self.log.failing = False
        self.restart_worker()

    def run_until_idle(self) -> None:
        """Runs all steps of the worker until none has anything to do."""
        failed: MurmurationError | None = None
        for _ in range(MOST_PASSES):
            busy = []
            for _, step in self._steps:
                try:
                    busy.append(step.run_once(self.call()))
                except self.engine.transient as error:
                    failed = error
                    busy.append(True)
            if not any(busy) and not self.engine.waits(self.call(), self.log):
                return
        raise AssertionError("The workers never came to an end.") from failed

    def refresh_view(self) -> None:
        self.step("pull-view")

    def settle(self) -> None:
        """At rest: all is delivered, and the view of PULL posts is fresh."""
        if self.log.held:
            self.log.release(self.call())
        self.run_until_idle()
        self.refresh_view()

    def flush_cache(self) -> None:
        self.serving.cache.flush(self.call())

    def pass_time(self, seconds: float) -> None:
        self.runtime.pass_time(seconds)
        self.engine.time_passed(self.call())

    def restart_worker(self) -> None:
        self.engine.close_worker()
        self._open_worker()
        self._start_worker()

    def restart_serving(self) -> None:
        self._stop_serving()
        self._start_serving()

    def close(self) -> None:
        self._stop_serving()
        self.engine.close_worker()
        self.engine.close()

    # How it is put together

    def _open_worker(self) -> None:
        """Before the serving process, which may wait for what this one makes."""
        ports = self.engine.open_worker(self.settings, self.runtime)
        self.log = self.log.reopened(ports.log) if self.log else UnrulyLog(ports.log)
        self._working_ports = replace(ports, log=self.log)

    def _start_serving(self) -> None:
        ports = self.engine.open_serving(self.settings, self.runtime, self.cache_bytes)
        self.graph_store: Any = Breakable(ports.graph)
        self.tweet_store: Any = Breakable(ports.tweets)
        ports = replace(ports, graph=self.graph_store, tweets=self.tweet_store)
        owner = self.runtime.token(8).hex()
        self.serving_metrics = Metrics()
        self.serving: Serving = build_serving(ports, self.settings, self.runtime, self.serving_metrics, owner)
        self._serving_steps: dict[str, Step] = {name: step for name, step, _ in self.serving.steps}
        reception = Reception(self.runtime, Metrics(), self.settings.server, 4)
        self._server: grpc.Server = grpc_server(self.serving.public, self.settings.server, reception)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self._client = Client(f"127.0.0.1:{port}", timeout=30)

    def _stop_serving(self) -> None:
        self._client.close()
        self._server.stop(None).wait()
        self.engine.close_serving()

    def _start_worker(self) -> None:
        channel = InProcessChannel(_Present(self))
        self.worker_metrics = Metrics()
        working = build_working(self._working_ports, self.settings, self.runtime, self.worker_metrics, channel)
        self._steps = [(name, step) for name, step, _ in working.steps]


class _Present:
    """The internal services of whichever serving process there is now."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly

    def __getattr__(self, name: str) -> Any:
        dispatcher: Dispatcher = self._assembly.serving.internal
        return getattr(dispatcher, name)
