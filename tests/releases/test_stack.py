"""The keyspace and the cache nodes of a release: this tree brings the tables up to date, publishes what waits in the
outboxes, and goes on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from murmuration_server.cache.port import CacheStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import CqlSettings, Settings
from murmuration_server.platform.cql.migrate import Schema, migrate
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.roles.cql import SCHEMAS
from murmuration_server.roles.serving import ServingPorts
from murmuration_server.roles.working import REBUILD_GROUP, RELATIONS_GROUP
from murmuration_server.timeline.watermark import DELIVERY_GROUPS, PLANNER_GROUP
from tests.process.running import until
from tests.releases import goes_on
from tests.releases.history import releases
from tests.releases.kept import Kept
from tests.support.assembly import Assembly
from tests.support.contract_clock import SetClock
from tests.support.engines import StackEngine
from tests.support.real_cassandra import cql_settings
from tests.support.real_memcached import memcached_nodes
from tests.support.world import World

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

MIGRATE_SECONDS = 120.0
LONG_AGO = 1
"""Microseconds since 1970: of rows of which no time is known. Whatever deletes them comes later."""
OF_MIGRATIONS = {"schema_steps", "schema_lease"}
_keyspaces = itertools.count()


class KeptStack(StackEngine):
    """On a keyspace of its own, and a log without records, as fan-out had handled them all."""

    cache: CacheStore

    def __init__(self, kept: Kept) -> None:
        super().__init__()
        restored = restore(kept, cql_settings(keyspace=f"release_{next(_keyspaces)}"))
        self.settings["cql"] = restored.model_dump()

    def open_serving(self, settings: Settings, runtime: SetClock, cache_bytes: int) -> ServingPorts:
        ports = super().open_serving(settings, runtime, cache_bytes)
        self.cache = ports.cache
        return ports


def restore(kept: Kept, settings: CqlSettings) -> CqlSettings:
    """Makes that release's tables with its rows in them, and then brings them to what this tree wants."""
    runtime, content = ThreadRuntime(), kept.read("rows.json")

    def bring_to(schemas: list[Schema]) -> None:
        migrate(settings, runtime, Metrics(), Call.background(runtime, MIGRATE_SECONDS), schemas)

    bring_to([Schema(service, steps) for service, steps in content["schemas"]])
    session = CqlSession(settings, runtime, Metrics())
    for table, rows in content["rows"].items():
        if table not in OF_MIGRATIONS:
            for columns, written_us, ttl_seconds in rows:
                if table == "cache_nodes":
                    columns["state"] = on_our_nodes(columns["state"])
                put(session.driver, table, columns, written_us or LONG_AGO, ttl_seconds or 0)
    session.close()
    bring_to(SCHEMAS)
    return settings


def put(driver: Any, table: str, columns: dict[str, Any], written_us: int, ttl_seconds: int) -> None:
    driver.execute(
        f"INSERT INTO {table} JSON %s DEFAULT UNSET USING TIMESTAMP %s AND TTL %s",
        (json.dumps(columns), written_us, ttl_seconds),
    )


def on_our_nodes(state: str) -> str:
    """The state of cache nodes, with the addresses of those that run now in place of that release's."""
    for old, new in zip(sorted(json.loads(state)["nodes"]), memcached_nodes(), strict=True):
        state = state.replace(old, new.address)
    return state


@pytest.fixture(params=releases())
def kept(request: pytest.FixtureRequest) -> Kept:
    return Kept(request.param, "stack")


@pytest.fixture
def engine(kept: Kept) -> KeptStack:
    return KeptStack(kept)


@pytest.fixture
def world(kept: Kept, engine: KeptStack) -> Iterator[World]:
    system = Assembly(engine, small=False)
    until("fan-out to have its part of the log", lambda: fanout_listens(system))
    yield kept.world(system)
    system.close()


def fanout_listens(system: Assembly) -> bool:
    """Whether all its groups have begun. Before they have, nothing seems to wait for them."""
    for name in system.worker_steps:
        if not name.startswith("relay"):
            system.step(name)
    wanted = {PLANNER_GROUP, *DELIVERY_GROUPS.values(), RELATIONS_GROUP, REBUILD_GROUP}
    return wanted <= {backlog.group for backlog in system.log.backlog(system.call())}


def test_people_go_on_with_what_it_wrote(world: World) -> None:
    assert world.system.client.admin.get_backlog().outbox_rows
    goes_on.look(world)
    goes_on.finish(world)
    # That release took positions from its own clock, which was the test's and is far ahead of the database's. In one
    # bucket with its rows, newer ones would stand below what is read already, until the bucket is swept.
    world.pass_time(world.system.settings.outbox.bucket_ms / 1000)
    goes_on.live_on(world)


def test_its_cache_entries_are_read(world: World, kept: Kept, engine: KeptStack) -> None:
    assert any(key.name.startswith("head.") for key in kept.cached())
    goes_on.read_cached(world, kept, engine.cache)
