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
    checks = {check["name"]: check["passed"] for check in result["checks"]}
    assert checks.keys() > OF_TIMES
    assert [name for name, passed in checks.items() if not passed and name not in OF_TIMES] == []
    assert (result["figures"]["homes"]["missing"], result["figures"]["homes"]["extra"]) == (0, 0)
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []
