"""The distributed engine as one process uses it: one CQL session, one way to the log, one to the cache nodes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

from murmuration_server.cache.node_stores.cql import CqlNodeStateStore
from murmuration_server.cache.open_cluster import open_memcached
from murmuration_server.eventlog.kafka.log import KafkaEventLog
from murmuration_server.graph.stores.cql import CqlGraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import ConfigError, Settings
from murmuration_server.platform.cql.clock import LOOK_SECONDS
from murmuration_server.platform.cql.failures import CqlSilent
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.lease_stores.cql import CqlLeaseStore
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.runtime import Event, Runtime
from murmuration_server.platform.turn_stores.cql import CqlTurnStore
from murmuration_server.platform.turns import Turn
from murmuration_server.platform.unusable import CannotStart
from murmuration_server.roles.cql import open_placement, open_session
from murmuration_server.roles.process import NamedStep
from murmuration_server.roles.serving import ServingPorts
from murmuration_server.roles.working import WorkingPorts
from murmuration_server.timeline.heads import CachedHeads
from murmuration_server.timeline.store import HomeStore
from murmuration_server.timeline.stores.cql import CqlHomeStateStore, CqlHomeStore
from murmuration_server.tweets.stores.cql import CqlTweetStore
from murmuration_server.users.stores.cql import CqlUserStore

log = logging.getLogger(__name__)

LOOK_AGAIN_SECONDS = 0.5


class StoppedEarly(Exception):
    """Who waited is to wait no more."""


def open_engine(
    settings: Callable[[], Settings],
    runtime: Runtime,
    metrics: Metrics,
    owner: str,
    call: Call,
    closing: ExitStack,
    stop: Event,
) -> Engine:
    """Waits for a database that does not answer yet, as long as the call lasts: what is started together need not be
    started in an order. Raises `CannotStart`, also where it is not migrated; `StoppedEarly` where `stop` is set
    meanwhile."""
    waits_for = ""
    while True:
        with ExitStack() as opened:
            try:
                engine = Engine(settings, runtime, metrics, owner, call, opened)
                closing.push(opened.pop_all())
                return engine
            except (CqlSilent, MurmurationError) as error:
                if runtime.monotonic() + LOOK_AGAIN_SECONDS >= call.deadline:
                    raise CannotStart(str(error)) from error
                if str(error) != waits_for:
                    waits_for = str(error)
                    log.warning("Waiting, for at most %.0f s more: %s", call.remaining(), error)
        if stop.wait(LOOK_AGAIN_SECONDS):
            raise StoppedEarly


class Engine:
    """`settings` is asked for the cache nodes again and again. `owner` names this process in leases and turns. What is
    opened is closed by `closing`. Raises `CannotStart`, and `MurmurationError` where a server does not answer now."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        runtime: Runtime,
        metrics: Metrics,
        owner: str,
        call: Call,
        closing: ExitStack,
    ) -> None:
        self._settings, self._runtime, self._owner = settings(), runtime, owner
        self._session = open_session(self._settings.cql, runtime, metrics, call)
        closing.callback(self._session.close)
        self._log = KafkaEventLog(self._settings.kafka, runtime)
        closing.callback(self._log.close)
        # Also where no nodes are configured here: others may still use some, and read there what this process changes.
        self._cluster = open_memcached(lambda: settings().memcached, CqlNodeStateStore(self._session), runtime, metrics)
        closing.callback(self._cluster.cache.close)
        self._cluster.keeper.run_once(call)

    def steps(self) -> list[NamedStep]:
        """What keeps the engine going."""
        return [
            ("cache-keeper", self._cluster.keeper, self._settings.memcached.refresh_ms / 1000),
            ("database-clock", self._session.clock, LOOK_SECONDS),
        ]

    def serving_ports(self) -> ServingPorts:
        session, settings = self._session, self._settings
        keys = settings.keys.cursor_keys()
        if not keys:
            raise ConfigError(
                "keys.cursor is not set: all processes sign page tokens with the same key. Make one with "
                "`openssl rand -hex 32` and set MURMURATION_KEYS__CURSOR='[\"1:<the 64 digits>\"]'."
            )
        return ServingPorts(
            users=CqlUserStore(session),
            graph=CqlGraphStore(session),
            tweets=CqlTweetStore(session, settings.tweets.request_id_ms),
            states=CqlHomeStateStore(session),
            homes=self._homes(),
            log=self._log,
            leases=CqlLeaseStore(session),
            cache=self._cluster.cache,
            keys=SigningKeys(keys),
            placement=open_placement(session, self._cluster.cache),
            alone=False,
        )

    def working_ports(self) -> WorkingPorts:
        session = self._session
        return WorkingPorts(
            users=CqlUserStore(session),
            graph=CqlGraphStore(session),
            tweets=CqlTweetStore(session, self._settings.tweets.request_id_ms),
            states=CqlHomeStateStore(session),
            homes=self._homes(),
            log=self._log,
            relaying=Turn("relay", self._owner, CqlTurnStore(session), self._runtime),
        )

    def _homes(self) -> HomeStore:
        """Whoever writes homes and whoever reads them see the same heads."""
        settings, size = self._settings.timeline, self._settings.memcached.head_entries
        homes = CqlHomeStore(self._session, settings.horizon_ms)
        return CachedHeads(homes, self._cluster.cache, self._runtime, settings, size) if size else homes
