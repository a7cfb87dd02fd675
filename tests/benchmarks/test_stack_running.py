"""`python -m benchmarks --stack` as a user runs it, small: every row on real servers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.registry import STACK
from tests.benchmarks.test_running import run

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(1200)]
SECONDS = 1150


def test_every_row_from_end_to_end(tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    done = run("--stack", "--quick", "--rounds", "1", "--json", "--out", str(out), seconds=SECONDS)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert json.loads(out.read_text("utf-8")) == rows
    assert [row["name"] for row in rows] == STACK.names
    assert all(row["value"] > 0 and row["series"] for row in rows)
    assert {"cassandra", "kafka", "pymemcache"} <= rows[0]["machine"].keys()


def test_what_a_deployment_takes_at_rest() -> None:
    command = [sys.executable, "-m", "benchmarks.at_rest", "--quick", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["cores without roles"].keys() == {"cassandra", "kafka"}
    assert found["cores"].keys() > {"cassandra", "kafka", "relay-0", "gateway-0"}
    assert found["cql calls"]["relay-0"] > 0
    assert found["cql calls"]["gateway-0"] == 0
