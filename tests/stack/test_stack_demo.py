"""`python -m tools.stack.demo`: the demo on real servers, each role its own process, right in all that it checks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stack.test_stack_command import environment, folder_for, processes_of

pytestmark = [pytest.mark.stack, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
OF_TIMES = {
    "the celebrity's ack is not slower",
    "posts become visible",
    "small authors do not wait behind a celebrity",
    "killed in the middle",
}
"""Not asserted here: servers and tests share the machine."""


def test_all_is_right_and_nothing_stays(tmp_path: Path) -> None:
    temporary = folder_for(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "tools.stack.demo", "--quick", "--json", "--seed", "7"],
        cwd=ROOT,
        env=environment(temporary),
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    assert done.stdout, done.stderr
    result = json.loads(done.stdout)
    assert result["failure"] == "", done.stderr
    assert {check["name"] for check in result["checks"]} > OF_TIMES
    wrong = {check["name"]: check["figure"] for check in result["checks"] if not check["passed"]}
    assert {name: figure for name, figure in wrong.items() if name not in OF_TIMES} == {}
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []
