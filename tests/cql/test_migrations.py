"""`murmurd migrate` on a real node: twice, from two places at once, after a runner that died, from an older version."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql import migrate as module
from murmuration_server.platform.cql.failures import CqlUnusable
from murmuration_server.platform.cql.migrate import Applied, MigrationBusy, Schema, migrate, wait_for_database
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.roles.cql import SCHEMAS, open_session
from tests.support.contract_threads import at_once
from tests.support.real_cassandra import cql_settings
from tools.stack.process import free_port

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

RUNTIME = ThreadRuntime()
ONE = Schema("one", [["CREATE TABLE IF NOT EXISTS first (id int PRIMARY KEY)"]])
TWO_STEPS = replace(ONE, steps=[*ONE.steps, ["ALTER TABLE first ADD note text"]])
_keyspaces = itertools.count()


@pytest.fixture
def settings() -> Iterator[CqlSettings]:
    made = cql_settings(keyspace=f"migrations_{next(_keyspaces)}")
    yield made
    session = CqlSession(made, RUNTIME, Metrics(), keyspace=False)
    session.driver.execute(f"DROP KEYSPACE IF EXISTS {made.keyspace}")
    session.close()


def call(seconds: float = 60) -> Call:
    return Call.background(RUNTIME, seconds)


def run(settings: CqlSettings, *schemas: Schema, wait: bool = True, seconds: float = 60) -> list[Applied]:
    return migrate(settings, RUNTIME, Metrics(), call(seconds), schemas, wait=wait)


def test_each_step_is_done_once(settings: CqlSettings) -> None:
    assert run(settings, ONE) == [Applied("one", 1)]
    assert run(settings, ONE) == []
    assert run(settings, TWO_STEPS) == [Applied("one", 2)]
    assert run(settings, TWO_STEPS) == []


def test_of_many_at_once_one_does_it_and_the_others_wait(settings: CqlSettings) -> None:
    # A column that is added a second time is an error.
    done = at_once([lambda: run(settings, TWO_STEPS)] * 3)
    assert sorted(itertools.chain.from_iterable(done), key=lambda applied: applied.number) == [
        Applied("one", 1),
        Applied("one", 2),
    ]


def test_a_runner_that_does_not_wait_says_that_another_is_at_work(settings: CqlSettings) -> None:
    run(settings, ONE)
    session = CqlSession(settings, RUNTIME, Metrics())
    session.driver.execute("INSERT INTO schema_lease (one, owner) VALUES (1, 'other') IF NOT EXISTS")
    session.close()
    with pytest.raises(MigrationBusy, match="--wait"):
        run(settings, TWO_STEPS, wait=False)


def test_a_runner_that_died_holds_nobody_up_for_long(settings: CqlSettings) -> None:
    run(settings, ONE)
    session = CqlSession(settings, RUNTIME, Metrics())
    session.driver.execute("INSERT INTO schema_lease (one, owner) VALUES (1, 'dead') IF NOT EXISTS USING TTL 2")
    session.close()
    assert run(settings, TWO_STEPS) == [Applied("one", 2)]


def test_a_runner_whose_lease_was_taken_over_stops(settings: CqlSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    define = module._define

    def slow(session: CqlSession, statement: str) -> None:
        define(session, statement)
        if "first" in statement:
            session.driver.execute("UPDATE schema_lease SET owner = 'other' WHERE one = 1 IF EXISTS")

    monkeypatch.setattr(module, "_define", slow)
    two = Schema("one", [[*ONE.steps[0], "CREATE TABLE IF NOT EXISTS second (id int PRIMARY KEY)"]])
    with pytest.raises(MigrationBusy, match="taken over"):
        run(settings, two)


def test_a_version_runs_beside_a_newer_one_that_has_added_steps(settings: CqlSettings) -> None:
    run(settings, TWO_STEPS)
    assert run(settings, ONE) == []
    assert run(settings, TWO_STEPS) == []


def test_a_version_that_does_not_know_what_it_must_leaves_the_keyspace_alone(settings: CqlSettings) -> None:
    def refuses(*olders: Schema) -> None:
        for older in olders:
            with pytest.raises(CqlUnusable, match="newer version"):
                run(settings, older)

    run(settings, TWO_STEPS)
    takes_away = Schema("one", [*TWO_STEPS.steps, ["ALTER TABLE first DROP note"]], least=3)
    assert run(settings, takes_away) == [Applied("one", 3)]
    assert run(settings, takes_away) == []
    refuses(ONE, TWO_STEPS)
    adds_again = replace(takes_away, steps=[*takes_away.steps, ["ALTER TABLE first ADD other text"]])
    assert run(settings, adds_again) == [Applied("one", 4)]
    assert run(settings, takes_away) == []
    refuses(ONE, TWO_STEPS)


def test_waiting_for_a_database_that_never_comes_ends() -> None:
    nowhere = CqlSettings(port=free_port(), connect_timeout_ms=100)
    with pytest.raises(CqlUnusable, match=r"cql\.port"):
        wait_for_database(nowhere, RUNTIME, Metrics(), call(0.3))


def test_a_keyspace_that_is_not_there_is_told(settings: CqlSettings) -> None:
    with pytest.raises(CqlUnusable, match="murmurd migrate"):
        CqlSession(settings, RUNTIME, Metrics())


def test_a_process_starts_only_on_tables_of_its_version(settings: CqlSettings) -> None:
    run(settings, *SCHEMAS[:-1])
    with pytest.raises(CqlUnusable, match="not up to date"):
        open_session(settings, RUNTIME, Metrics(), call())
    run(settings, *SCHEMAS)
    open_session(settings, RUNTIME, Metrics(), call()).close()


def test_the_command_makes_all_tables_and_says_what_it_did(settings: CqlSettings) -> None:
    section = {
        "CONTACT_POINTS": json.dumps(settings.contact_points),
        "PORT": str(settings.port),
        "KEYSPACE": settings.keyspace,
        "REPLICATION": "1",
    }
    environment = os.environ | {f"MURMURATION_CQL__{name}": value for name, value in section.items()}
    command = [sys.executable, "-m", "murmuration_server", "migrate", "--wait", "--json"]
    answers = [
        json.loads(subprocess.run(command, env=environment, capture_output=True, check=True, timeout=100).stdout)
        for _ in range(2)
    ]
    applied = [{"service": schema.service, "number": 1} for schema in SCHEMAS]
    assert answers == [{"keyspace": settings.keyspace, "applied": made} for made in (applied, [])]
