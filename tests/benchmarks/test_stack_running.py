"""`python -m benchmarks --stack` as a user runs it, small: every row on real servers."""

from __future__ import annotations

import json
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
