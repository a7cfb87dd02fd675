"""The release before this tree is replaced by it, process by process and under load, and comes back: no call fails, and
what is promised holds. As docs/operate/upgrading.md tells operators to do it, on real processes and servers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.releases.history import NoHistory, check_out, releases
from tests.stack.town import Town
from tools.stack.environment import bare_environment, of_tree
from tools.stack.roles import ROLES
from tools.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(900)]

SEED = 28_11
BETWEEN = 20
"""Calls answered while both versions run, between two replacements."""
FANOUT_FIRST = sorted(ROLES, key=lambda role: role != "fanout")
"""It reads what others put on the log."""
KNOWN_REFUSALS = {"0.1.0": "it is stopping"}
"""What a call may still be told after its last attempt. Processes of 0.1.0 that stop do not say when to come back, so
on a slow machine all attempts may end at the same one."""
REFUSE_NEWER_TABLES = {"0.1.0"}
"""Releases that do not start on tables with steps that they do not know: from these there is no way back."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The newest release's tree. It runs on the libraries of this one's environment."""
    try:
        tree = check_out(next(iter(releases())), tmp_path_factory.mktemp("release"))
    except NoHistory as missing:
        pytest.skip(f"no upgrade was tested: {missing}")
    found = subprocess.run(
        [sys.executable, "-c", "import murmuration_server as server; print(server.__path__[0])"],
        env=bare_environment() | of_tree(tree),
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(found.stdout.strip()).is_relative_to(tree), "the environment puts its own packages first"
    return tree


@pytest.fixture(scope="module")
def town(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Two processes of every role, all of the release, on tables that it has made."""
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start(migrate=False)
        stack.migrate(release)
        with Town(stack, tmp_path_factory.mktemp("roles"), dict.fromkeys(ROLES, 2), SEED, tree=release) as made:
            yield made
    finally:
        stack.stop(kill=True)


def test_the_release_is_replaced_and_comes_back_and_no_call_fails(town: Town, release: Path) -> None:
    added = replace(town, FANOUT_FIRST, None)
    if not (added and next(iter(releases())) in REFUSE_NEWER_TABLES):
        replace(town, FANOUT_FIRST[::-1], release)


def replace(town: Town, roles: Sequence[str], tree: Path | None) -> int:
    """Role by role, its processes one after the other; the tables first, as the first pod's init container does it.
    Answers how many steps that took."""
    begun = time.monotonic()
    with town.without_failures(but=KNOWN_REFUSALS.get(next(iter(releases())), "")):
        town.await_acked(BETWEEN)
        steps = town.stack.migrate(tree)
        for role in roles:
            for number in range(2):
                process = town.roles.process(role, number)
                process.stop()
                assert process.status == 0
                process.take(tree)
                print(f"{time.strftime('%H:%M:%S')} {process.name} is replaced")
                process.start()
                town.await_found(process)
                town.await_acked(BETWEEN)
    print(f"all roles replaced under load in {time.monotonic() - begun:.0f} s")
    found = town.come_right()
    assert not found, found
    return steps
