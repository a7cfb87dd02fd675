"""`murmurd demo`, as people start it: everything it checks passes, and it leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PARTS = ["load", "acks", "delivery", "modes", "crash", "relations", "homes", "why"]
DEMO = [sys.executable, "-m", "murmuration_server", "demo", "--quick"]


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder)}


def test_every_check_passes(tmp_path: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--json", "--seed", "7"], env=environment(tmp_path), capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["passed"]
    assert result["seed"] == 7
    assert [check for check in result["checks"] if not check["passed"]] == []
    assert list(result["figures"]) == PARTS
    assert (result["figures"]["homes"]["missing"], result["figures"]["homes"]["extra"]) == (0, 0)
    assert result["figures"]["homes"]["homes"] == 1_001
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_system_and_removes_its_data(tmp_path: Path, number: signal.Signals) -> None:
    demo = subprocess.Popen(DEMO, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert demo.stdout is not None
    try:
        while b"Load a real social graph" not in (line := demo.stdout.readline()):
            assert line, "the demo has ended"
        time.sleep(0.5)
        demo.send_signal(number)
        said, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert demo.returncode == 130, said
    assert list(tmp_path.iterdir()) == []


def test_a_missing_graph_is_said_in_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run([*DEMO, "--graph", str(tmp_path / "none")], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == f"murmurd demo: There is no file {tmp_path / 'none'}.\n"


def test_an_installed_package_says_that_the_demo_comes_with_a_checkout() -> None:
    without = "import sys; sys.modules['loadtest'] = None; from murmuration_server.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", without, "demo"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == (
        "murmurd: The demo comes with a checkout of the repository, not with an installed package. "
        "Run `make demo` in a checkout.\n"
    )
