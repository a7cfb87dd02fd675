"""One generating process: its graph, its one channel, and the people who play."""

from __future__ import annotations

import time
from collections.abc import Callable

import gevent
from gevent.pool import Pool
from grpc.experimental import gevent as grpc_gevent
from locust.env import Environment

from loadtest.calls import Timing
from loadtest.crowd import Crowd, Share
from loadtest.player import Player
from loadtest.settings import LoadSettings
from loadtest.watching import Watches
from loadtest.workload import Workload
from murmuration_client import Client

CALL_SECONDS = 10.0
MOST_WATCHES = 200
"""At once; further posts are not watched."""
TIMING = Timing(time.perf_counter, gevent.sleep)

_patched = False


def patch_grpc() -> None:
    """gRPC's waits become gevent's: after Locust has forked its processes, and before the first channel. Once."""
    global _patched
    if not _patched:
        grpc_gevent.init_gevent()
        _patched = True


class Recorder:
    """Hands what the load measures to Locust's statistics."""

    def __init__(self, environment: Environment) -> None:
        self._request = environment.events.request

    def __call__(self, kind: str, row: str, seconds: float, failure: Exception | None = None) -> None:
        self._request.fire(
            request_type=kind,
            name=row,
            response_time=seconds * 1000,
            response_length=0,
            exception=failure,
            context={},
        )


class Generator:
    """Made once a process, before the load begins: a graph takes seconds. `begin` and `end` enclose each load."""

    def __init__(self, settings: LoadSettings, environment: Environment) -> None:
        patch_grpc()
        self._settings, self._environment = settings, environment
        self._workload = Workload(settings.make_graph(), settings.mix, settings.seed)
        self._record = Recorder(environment)
        self._pool = Pool(MOST_WATCHES)
        self._client: Client | None = None

    def begin(self, target: str, share: Share) -> None:
        self.end()
        self._client = Client(target, timeout=CALL_SECONDS)
        self._crowd = Crowd(self._client, self._workload.graph, share)
        self._watches = Watches(self._crowd, self._record, TIMING, self._spawn)
        self._share, self._made = share, 0

    def end(self) -> None:
        self._pool.kill()
        if self._client is not None:
            self._client.close()
            self._client = None

    def player(self) -> Player:
        """Of a stream that nobody else has, in whatever process."""
        stream = self._workload.stream(self._share.index + self._share.of * self._made)
        self._made += 1
        return Player(self._crowd, stream, self._record, self._watches, TIMING, self._settings.mix.walk_pages)

    def _spawn(self, watch: Callable[[], None]) -> bool:
        if self._pool.full():
            return False
        self._pool.spawn(self._guarded, watch)
        return True

    def _guarded(self, watch: Callable[[], None]) -> None:
        """What a watch raises is an error of the generator, and is counted like that of a player."""
        try:
            watch()
        except Exception as error:
            self._environment.events.user_error.fire(user_instance=None, exception=error, tb=error.__traceback__)
