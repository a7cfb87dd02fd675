"""Processes of roles on a stack: several of one role, killed, paused, brought back on their ports, stopped whole."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtest.filling import await_delivered
from murmuration_client import Client
from tools.stack.roles import ROLES, Roles
from tools.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

CALL_SECONDS = 30.0


@pytest.fixture
def roles(stack: Stack, tmp_path: Path) -> Iterator[Roles]:
    with Roles(stack.config, tmp_path / "roles", {"timeline": 2}) as started:
        yield started


def test_each_role_has_its_processes_its_logs_and_its_metrics(roles: Roles) -> None:
    names = [process.name for process in roles]
    assert sorted(names) == sorted([*(f"{role}-0" for role in ROLES), "timeline-1"])
    assert {path.name for path in roles.folder.iterdir()} == {f"{name}.log" for name in names}
    for process in roles:
        with urllib.request.urlopen(process.metrics_url, timeout=CALL_SECONDS) as answer:
            assert b"murmuration_" in answer.read()


def test_one_of_two_is_killed_and_comes_back_on_its_port(roles: Roles) -> None:
    killed = roles.process("timeline", 1)
    pid, port = killed.pid, killed.port
    with Client(roles.target, timeout=CALL_SECONDS) as client:
        user = client.create_user(f"killed{pid}").user_id
        killed.kill()
        assert not killed.running
        # Calls that nobody has begun to answer go to the other process.
        assert list(client.acting_as(user).home()) == []
        killed.start()
        roles.process("timeline", 0).kill()
        assert (killed.port, killed.running) == (port, True)
        assert killed.pid != pid
        assert list(client.acting_as(user).home()) == []


def test_a_worker_that_is_paused_delivers_when_it_goes_on(roles: Roles) -> None:
    fanout = roles.process("fanout")
    with Client(roles.target, timeout=CALL_SECONDS) as client:
        author = client.create_user(f"author{fanout.pid}").user_id
        fanout.pause()
        client.acting_as(author).create_tweet("Hello")
        backlog = client.admin.get_backlog()
        assert backlog.outbox_rows + sum(lane.records for lane in backlog.lanes) > 0
        fanout.resume()
        await_delivered(client)


def test_stopped_each_ends_as_it_should_and_may_be_started_again(roles: Roles) -> None:
    users = roles.process("users")
    port = users.port
    users.restart()
    assert (users.port, users.running) == (port, True)
    with Client(roles.target, timeout=CALL_SECONDS) as client:
        assert client.create_user(f"restarted{users.pid}").user_id
    assert set(roles.stop().values()) == {0}
