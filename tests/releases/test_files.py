"""The data folder of a release: this tree opens it, delivers what waits there, and goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from murmuration_server.cache.port import CacheStore
from murmuration_server.eventlog.envelope import DEAD_LETTERS, REBUILDS, RELATIONS, SMALL_LANE, TWEETS, open_envelope
from murmuration_server.platform.config import Settings
from murmuration_server.roles.serving import ServingPorts
from tests.releases import goes_on
from tests.releases.history import releases
from tests.releases.kept import Kept
from tests.support.assembly import Assembly
from tests.support.contract_clock import SetClock
from tests.support.engines import FileEngine
from tests.support.world import World


class KeptFiles(FileEngine):
    """Its cache, which begins empty, is at hand, to be filled as Memcached would be."""

    cache: CacheStore

    def open_serving(self, settings: Settings, runtime: SetClock, cache_bytes: int) -> ServingPorts:
        ports = super().open_serving(settings, runtime, cache_bytes)
        self.cache = ports.cache
        return ports


@pytest.fixture(params=releases())
def kept(request: pytest.FixtureRequest) -> Kept:
    return Kept(request.param, "files")


@pytest.fixture
def engine(kept: Kept, tmp_path: Path) -> KeptFiles:
    kept.restore_files(tmp_path / "data")
    return KeptFiles(tmp_path / "data")


@pytest.fixture
def world(kept: Kept, engine: KeptFiles) -> Iterator[World]:
    system = Assembly(engine, small=False)
    yield kept.world(system)
    system.close()


def test_what_is_kept_of_it_has_work_at_every_stage(world: World) -> None:
    backlog = world.system.client.admin.get_backlog()
    assert backlog.outbox_rows
    assert {TWEETS, RELATIONS, REBUILDS, SMALL_LANE} <= {lane.topic for lane in backlog.lanes if lane.records}


def test_every_record_of_its_log_is_opened(kept: Kept, tmp_path: Path) -> None:
    kept.restore_files(tmp_path / "data")
    with closing(sqlite3.connect(tmp_path / "data" / "log.sqlite")) as log:
        records = log.execute("SELECT topic, value FROM records").fetchall()
    assert any(topic == DEAD_LETTERS for topic, _ in records)
    opened = {open_envelope(value).WhichOneof("payload") for _, value in records}
    assert opened == kept.payloads()


def test_its_work_is_finished(world: World) -> None:
    goes_on.look(world)
    goes_on.finish(world)


def test_a_walk_that_it_began_goes_on(world: World, kept: Kept) -> None:
    world.system.settle()
    goes_on.walk_on(world, kept)


def test_people_go_on_with_what_it_wrote(world: World) -> None:
    goes_on.live_on(world)


def test_its_dead_letters_are_there(world: World) -> None:
    admin = world.system.client.admin
    [letter] = admin.iter_dead_letters()
    assert len(list(admin.iter_dead_letters(include_settled=True))) == 2
    assert admin.get_dead_letter(letter.dead_letter_id).value.startswith(b"\xff")


def test_its_cache_entries_are_read(world: World, kept: Kept, engine: KeptFiles) -> None:
    goes_on.read_cached(world, kept, engine.cache)
