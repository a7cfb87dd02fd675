"""`python -m tools.stack` as people start it: real servers that are ready for roles, and nothing left at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from loadtest.filling import await_delivered
from murmuration_client import Client
from tests.process.running import until
from tools.stack.environment import bare_environment

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
LONGER_THAN_THE_TEST = "3600"
PARTS = ["cassandra-127.0.0.1", "kafka", "memcached-0", "memcached-1", "memcached-2"]
ROLES = ["users-0", "graph-0", "tweets-0", "timeline-0", "admin-0", "relay-0", "fanout-0", "gateway-0"]


@contextmanager
def stack(temporary: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, its temporary folders below `temporary`."""
    with (temporary.parent / f"{temporary.name}.stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.stack", "--json", *options],
            cwd=ROOT,
            env=environment(temporary),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        # Only where a test fails: those that pass leave none.
        for pid in processes_of(temporary):
            os.kill(pid, signal.SIGKILL)


def environment(temporary: Path) -> dict[str, str]:
    cache = {name: value for name, value in os.environ.items() if name == "MURMURATION_CACHE"}
    return bare_environment() | cache | {"TMPDIR": str(temporary)}


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The document that it prints, which ends with a brace at a line's beginning."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != "}\n":
        line = process.stdout.readline()
        assert line, "the stack has ended"
        lines.append(line)
    document: dict[str, Any] = json.loads("".join(lines))
    return document


def processes_of(temporary: Path) -> list[int]:
    """Every living process that was started by this command, by what it was told of temporary folders."""
    wanted, found = f"TMPDIR={temporary}".encode(), []
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
        except OSError:
            pass  # It ended while we looked.
    return found


def folder_for(tmp_path: Path) -> Path:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return temporary


def test_a_whole_system_is_ready_and_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    temporary = folder_for(tmp_path)
    with stack(temporary, "--roles", "--for", LONGER_THAN_THE_TEST) as process:
        told = ready(process)
        assert [server["name"] for server in told["servers"]] == PARTS
        assert [role["name"] for role in told["roles"]] == ROLES
        settings = tomllib.loads(Path(told["config"]).read_text())
        assert [f"{host}:{settings['cql']['port']}" for host in settings["cql"]["contact_points"]] == [
            told["servers"][0]["address"]
        ]
        assert settings["kafka"]["bootstrap_servers"] == told["servers"][1]["address"]
        assert settings["memcached"]["nodes"] == [server["address"] for server in told["servers"][2:]]
        assert migrate(told["config"]) == []
        assert_a_post_comes_home(told["target"])
        pids = {part["pid"] for part in (*told["servers"], *told["roles"])}
        assert pids <= set(processes_of(temporary))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        assert process.returncode == 0
        assert processes_of(temporary) == []
        assert list(temporary.iterdir()) == []


def test_sigterm_while_it_starts_leaves_nothing_and_a_kept_folder_goes_on(tmp_path: Path) -> None:
    temporary, kept = folder_for(tmp_path), tmp_path / "kept"
    with stack(temporary, "--data", str(kept)) as process:
        until("the stack to begin", lambda: (kept / "stack.json").exists() or process.poll() is not None)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode == 130
        assert processes_of(temporary) == []
    with stack(temporary, "--data", str(kept), "--for", LONGER_THAN_THE_TEST) as process:
        first = ready(process)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode == 0
        assert processes_of(temporary) == []
    with stack(temporary, "--data", str(kept), "--no-migrate", "--for", "1") as process:
        again = ready(process)
        assert again["config"] == first["config"]
        assert [server["address"] for server in again["servers"]] == [server["address"] for server in first["servers"]]
        assert process.wait(120) == 0
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_killed_it_takes_its_servers_with_it(tmp_path: Path) -> None:
    temporary = folder_for(tmp_path)
    with stack(temporary, "--no-migrate") as process:
        ready(process)
        process.kill()
        process.wait()
        until("the servers to end", lambda: not processes_of(temporary))


def migrate(config: str) -> list[object]:
    """The steps that were not done yet."""
    done = subprocess.run(
        [sys.executable, "-m", "murmuration_server", "migrate", "--json", "--config", config],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    applied: list[object] = json.loads(done.stdout)["applied"]
    return applied


def assert_a_post_comes_home(target: str) -> None:
    """Through the gateway, the log and fan-out."""
    with Client(target, timeout=20.0) as client:
        author, reader = client.create_user("author").user_id, client.create_user("reader").user_id
        client.acting_as(reader).follow(author)
        posted = client.acting_as(author).create_tweet("Hello").tweet_id
        await_delivered(client)
        assert [item.tweet.tweet_id for item in client.acting_as(reader).home()] == [posted]
