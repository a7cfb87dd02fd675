"""`make load`, short: a sound system passes, and one that drops a delivery in a hundred does not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from loadtest.checks import NOT_DELIVERED

ROOT = Path(__file__).resolve().parents[2]
BREAK = ROOT / "tests" / "breaks" / "fanout-drops-one-in-a-hundred.patch"
# About 350 posts, each looked for by three followers: all of them would find theirs in one run of 30,000.
SHORT = ["--mix", "write-burst", "--rate", "60", "--seconds", "15", "--users", "300", "--mean-followers", "20"]
SHORT += ["--posts", "300", "--json"]

pytestmark = pytest.mark.timeout(240)


def load(out: Path, *options: str, servers: Path | None = None) -> tuple[int, dict[str, Any]]:
    """(exit status, result) of a short load. servers: whose code the system under load runs."""
    environment = os.environ | ({"PYTHONPATH": str(servers)} if servers else {})
    command = [sys.executable, "-m", "loadtest", *SHORT, "--out", str(out), *options]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_sound_system_passes_with_two_generating_processes(tmp_path: Path) -> None:
    status, result = load(tmp_path, "--processes", "2")
    assert (status, result["wrong"], result["failure"]) == (0, 0, ""), result["findings"]
    assert result["passed"]
    rows = {row["name"]: row for row in result["rows"]}
    assert rows["post"]["count"] > 150  # what both workers did reaches the master
    assert rows["post to visible"]["count"] > 300
    assert rows["post to visible"]["failed"] == 0
    assert result["generator"]["ceiling_per_second"] > 0
    assert json.loads((tmp_path / "load.json").read_text()) == result
    assert "<html" in (tmp_path / "load.html").read_text()
    assert "post to visible" in (tmp_path / "load_stats.csv").read_text()


def test_a_system_that_drops_one_delivery_in_a_hundred_fails(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "servers", tmp_path / "servers", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "apply", "--recount", str(BREAK)], cwd=tmp_path, check=True)
    status, result = load(tmp_path / "out", servers=tmp_path / "servers")
    assert status == 1
    assert not result["passed"]
    assert {finding["what"] for finding in result["findings"] if finding["wrong"]} == {NOT_DELIVERED}


def test_an_interrupted_load_leaves_nothing_running(tmp_path: Path) -> None:
    """Neither the system nor Locust; both stand in folders and files of this test alone."""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "loadtest", *SHORT[:-1], "--seconds", "100", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "first posts are in" not in (line := process.stdout.readline()):
        assert line, "the load has ended"
    while not (tmp_path / "out" / "progress.jsonl").exists():
        assert process.poll() is None
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert list(tmp_path.glob("murmurd-*")) == []
    running = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [command for command in running if str(tmp_path).encode() in command]


def test_a_graph_that_is_none_is_said_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "graph.tsv"
    path.write_text("1 2\n")
    command = [sys.executable, "-m", "loadtest", "--graph", str(path), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("load: Line 1 is not two whole numbers")
