"""`murmurd doctor` and `murmurd config` beside a system that runs, as an operator types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.process.running import Server, environment

Start = Callable[..., Server]


def murmurd(server: Server, *arguments: str, **settings: object) -> tuple[int, Any]:
    """Exit code, and the JSON that a command prints; nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "murmuration_server", *arguments, "--json"],
        env=environment({"data": server.data, **{key.replace("__", "."): value for key, value in settings.items()}}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def test_doctor_finds_a_running_system_well_and_leaves_it_alone(start: Start) -> None:
    server = start()
    with server.client() as client:
        client.acting_as(client.create_user("alice").user_id).create_tweet("Hello")
        port, metrics = server.ready["port"], server.ready["metrics_ports"][0]
        code, found = murmurd(server, "doctor", server__port=port, server__metrics_port=metrics)
        assert code == 0, found
        by_check = {finding["check"]: finding for finding in found["findings"]}
        assert by_check["files"]["what"] == "6 files are of this release's schema."
        taken = [finding for finding in found["findings"] if finding["what"].startswith(f"Port {port} ")]
        assert [finding["status"] for finding in taken] == ["ok"]
        assert "a murmurd runs" in taken[0]["what"]
        assert client.get_user("alice").handle == "alice"
    assert server.stop() == 0


def test_doctor_changes_no_file(start: Start) -> None:
    server = start()
    assert server.stop() == 0
    before = contents(server)
    assert murmurd(server, "doctor", server__port=0, server__metrics_port=0)[0] == 0
    assert contents(server) == before


def contents(server: Server) -> dict[str, bytes]:
    """Of every file in the data folder that holds data: not of a WAL's index, and not of a WAL that is empty."""
    found = {path.name: path.read_bytes() for path in server.data.iterdir() if not path.name.endswith("-shm")}
    return {name: data for name, data in found.items() if data or not name.endswith("-wal")}


def test_config_of_the_environment(start: Start) -> None:
    server = start()
    code, shown = murmurd(server, "config", "show", server__threads=3)
    assert code == 0
    assert shown["settings"]["data"]["value"] == str(server.data)
    assert shown["settings"]["server.threads"]["from"] == "MURMURATION_SERVER__THREADS"
    assert murmurd(server, "config", "check") == (0, {"usable": True, "faults": []})
    assert murmurd(server, "config", "check", server__threads=0)[0] == 1
