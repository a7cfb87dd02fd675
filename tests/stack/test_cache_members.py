"""A cache node is added and one is taken away under load, as an operator does it: in the file that all processes
read."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from murmuration_server.cache.cluster_state import Phase
from murmuration_server.cache.node_stores.cql import CqlNodeStateStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import load
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from tests.process.running import connected_ports, until
from tests.stack.town import RECOVERY_SECONDS, Town
from tools.stack.memcached import Memcached
from tools.stack.places import write_private
from tools.stack.process import free_port
from tools.stack.roles import ROLES, RoleProcess, Roles
from tools.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(900)]

SEED = 19
CALLS = 60
"""Answered before and after each change."""
CACHING = ("graph", "tweets", "timeline", "fanout")
"""Who reads or writes the cache in the way of a post or of a page. The others only look after the nodes."""


class Members:
    """What is configured, and what all processes have agreed on."""

    def __init__(self, stack: Stack) -> None:
        self._file = stack.config
        self._named = f"nodes = {json.dumps([server.clients for server in stack.memcached])}\n"
        self._runtime = ThreadRuntime()
        self._session = CqlSession(load(stack.config).cql, self._runtime, Metrics())
        self._states = CqlNodeStateStore(self._session)

    def close(self) -> None:
        self._session.close()

    def configure(self, nodes: Sequence[str], revision: int) -> float:
        """Writes the file, and waits until the change is done. Answers the seconds."""
        text, named = self._file.read_text(), f"nodes = {json.dumps(list(nodes))}\nrevision = {revision}\n"
        assert self._named in text
        draft = self._file.with_suffix(".new")
        write_private(draft, text.replace(self._named, named))
        self._named = named
        draft.replace(self._file)
        began = time.monotonic()
        until(f"the members {nodes}", lambda: self.in_use() == set(nodes), RECOVERY_SECONDS)
        return time.monotonic() - began

    def in_use(self) -> set[str]:
        """Nothing while they are changing."""
        state = self._states.read(Call.background(self._runtime))
        assert state is not None
        return set(state.reading) if state.phase is Phase.STEADY else set()


@pytest.fixture(scope="module")
def town(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Town(stack, tmp_path_factory.mktemp("roles"), dict.fromkeys(ROLES, 2), SEED) as made:
        yield made


@pytest.fixture
def members(stack: Stack) -> Iterator[Members]:
    found = Members(stack)
    yield found
    found.close()


@pytest.fixture
def fourth(tmp_path: Path) -> Iterator[Memcached]:
    node = Memcached("memcached-3", tmp_path, free_port())
    node.start()
    yield node
    node.kill()


def test_a_node_is_added_and_one_is_taken_away_under_load(
    town: Town, stack: Stack, members: Members, fourth: Memcached, tmp_path: Path
) -> None:
    settings, addresses = stack.config.read_text(), [server.clients for server in stack.memcached]
    gone = stack.memcached[0].process
    with town.in_use():
        town.await_acked(CALLS)
        seconds = members.configure([*addresses, fourth.address], 0)
        print(f"a cache node was added within {seconds:.1f} s")
        for process in town.processes():
            if process.role in CACHING:
                until(f"{process.name} to use it", lambda: _uses(process, fourth.port, town))  # noqa: B023
        town.await_acked(CALLS)

        # With a later revision, as where processes are begun anew and nobody sees the file change.
        seconds = members.configure([*addresses[1:], fourth.address], 1)
        print(f"a cache node was taken away within {seconds:.1f} s")
        for process in town.processes():
            until(f"{process.name} to leave it", lambda: _port(addresses[0]) not in connected_ports(process.pid))  # noqa: B023
        gone.kill()
        town.await_acked(CALLS)
        _begin_with(settings, town.roles, tmp_path)
        town.await_acked(CALLS)
        assert members.in_use() == {*addresses[1:], fourth.address}, "an older file changes nothing back"

        gone.start()
        members.configure(addresses, 2)
        fourth.kill()
        town.await_acked(CALLS)
    found = town.come_right()
    assert not found, found


def _uses(process: RoleProcess, port: int, town: Town) -> bool:
    """People post all the time; here they read as well."""
    town.read_all()
    return port in connected_ports(process.pid)


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _begin_with(settings: str, roles: Roles, folder: Path) -> None:
    """One more process, of the settings of before, as where they are rolled out machine by machine."""
    older = folder / "older.toml"
    write_private(older, settings)
    late = RoleProcess("fanout", 2, 0, older, folder, roles.settings)
    late.start()
    try:
        until("it to say whom it follows", lambda: "Raise memcached.revision above 1" in late.log.read_text())
    finally:
        late.stop()
