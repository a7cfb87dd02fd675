"""The bare wheel is the client: it installs with the base dependencies only, and is typed."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]

# What a process sees that has only the wheel: which of these can be imported.
PROBE = """
import importlib.util, murmuration_client
from murmuration.v1 import timeline_pb2_grpc
print(*[name for name in ("grpc", "google.protobuf", "pydantic", "typer", "pytest") if importlib.util.find_spec(name)])
"""


def run(*command: object, cwd: Path | None = None) -> str:
    result = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, ROOT)
    (path,) = folder.glob("*.whl")
    return path


def test_the_three_packages_are_typed_and_the_generated_code_is_there(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for package in ("murmuration", "murmuration_server", "murmuration_client"):
        assert f"{package}/py.typed" in names
    assert "murmuration/v1/timeline_pb2.py" in names
    assert "murmuration/v1/timeline_pb2_grpc.pyi" in names
    assert {name.split("/")[0] for name in names if not name.split("/")[0].endswith(".dist-info")} == {
        "murmuration",
        "murmuration_server",
        "murmuration_client",
    }


def test_the_bare_wheel_is_the_client_alone(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "bare"
    run(sys.executable, "-m", "venv", "--without-pip", environment)
    # pip checks hashes of all or of none, and a wheel built just now has none to check.
    versions = re.sub(r" \\\n(?:\s+--hash=\S+(?: \\)?\n)+", "\n", (ROOT / "constraints.txt").read_text("utf-8"))
    (tmp_path / "versions.txt").write_text(versions, "utf-8")
    python = environment / "bin" / "python"
    run(*PIP, "--python", python, "install", "-c", tmp_path / "versions.txt", wheel)

    assert run(python, "-I", "-c", PROBE, cwd=tmp_path).split() == ["grpc", "google.protobuf"]
