"""`murmurd doctor`: what is well is ok, and each thing that is broken here on purpose is found, with a next step."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import sqlite3
import sys
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from murmuration_server.cli.app import app
from murmuration_server.cli.doctor import installation, machine
from murmuration_server.cli.doctor.finding import FAIL, OK, WARN, Finding
from murmuration_server.platform.config import Settings
from murmuration_server.platform.ids import floor_id
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("MURMURATION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MURMURATION_DATA", str(tmp_path / "data"))
    for name, port in zip(("PORT", "METRICS_PORT"), free_ports(), strict=True):
        monkeypatch.setenv(f"MURMURATION_SERVER__{name}", str(port))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


def free_ports() -> tuple[int, int]:
    """A port, and one whose next is free too; as good as free: nobody holds them now."""
    with listening() as port, listening() as metrics:
        return port, metrics if metrics < 65535 else metrics - 1


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def doctor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", *arguments], prog_name="murmurd")


def found(*arguments: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """Exit code, and findings by check."""
    result = doctor(*arguments, "--json")
    document = json.loads(result.stdout)
    by_check: dict[str, list[dict[str, str]]] = {}
    for finding in document["findings"]:
        by_check.setdefault(finding["check"], []).append(finding)
    assert document["well"] is (result.exit_code == 0)
    return result.exit_code, by_check


def statuses(findings: Iterable[Finding]) -> list[str]:
    findings = list(findings)
    assert all(finding.step for finding in findings if finding.status != OK), "a fault without a next step"
    return [finding.status for finding in findings]


def test_a_fresh_installation_is_well() -> None:
    result = doctor()
    assert result.exit_code == 0, result.stdout
    assert "fail" not in result.stdout.replace("0 failed", "")
    code, checks = found()
    assert code == 0
    assert checks.keys() >= {
        "python", "sqlite", "generated code", "settings", "packages", "data folder", "free space", "clock",
        "open files", "ports",
    }  # fmt: skip
    assert not Path(os.environ["MURMURATION_DATA"]).exists(), "it made something"


def test_settings_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_SERVER__PROT", "1")
    code, checks = found()
    assert code == 1
    [finding] = checks["settings"]
    assert finding["status"] == FAIL
    assert "Did you mean server.port?" in finding["nextStep"]
    assert "packages" in checks


@pytest.mark.parametrize("folder", ["/proc/nowhere", "/dev/null", "/dev/null/data"])
def test_a_data_folder_that_cannot_be_written(folder: str) -> None:
    code, checks = found("--data", folder)
    [finding] = checks["data folder"]
    assert (code, finding["status"], "--data" in finding["nextStep"]) == (1, FAIL, True)


@pytest.mark.parametrize(("free", "status"), [(1 << 20, FAIL), (500 << 20, WARN), (50 << 30, OK)])
def test_free_space(monkeypatch: pytest.MonkeyPatch, free: int, status: str) -> None:
    usage = machine.shutil.disk_usage("/")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _: usage._replace(free=free))
    assert statuses(machine.free_space(Settings())) == [status]


@pytest.mark.parametrize(
    ("soft", "status"), [(64, FAIL), (256, WARN), (4096, OK), (resource.RLIM_INFINITY, OK)], ids=str
)
def test_limit_of_open_files(monkeypatch: pytest.MonkeyPatch, soft: int, status: str) -> None:
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (soft, soft))
    assert statuses(machine.descriptors()) == [status]


def test_a_port_that_another_program_has(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as port:
        monkeypatch.setenv("MURMURATION_SERVER__PORT", str(port))
        code, checks = found()
    assert code == 1
    [finding] = [each for each in checks["ports"] if each["status"] == FAIL]
    assert str(port) in finding["what"]
    assert "--port" in finding["nextStep"]


def test_ports_that_may_be_any_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "METRICS_PORT"):
        monkeypatch.setenv(f"MURMURATION_SERVER__{name}", "0")
    assert "ports" not in found()[1]


def store(data: Path) -> Path:
    runtime = ThreadRuntime()
    SqliteTweetStore(data / "tweets.sqlite", runtime).close()
    return data / "tweets.sqlite"


def test_files_of_this_release(data: Path) -> None:
    store(data)
    assert [finding["status"] for finding in found()[1]["files"]] == [OK]


@pytest.mark.parametrize(("version", "status"), [(99, FAIL), (0, WARN)])
def test_files_of_another_release(data: Path, version: int, status: str) -> None:
    with closing(sqlite3.connect(store(data))) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    code, checks = found()
    [finding] = checks["files"]
    assert (finding["status"], code) == (status, int(status == FAIL))
    assert finding["nextStep"]


def test_a_damaged_file(data: Path) -> None:
    store(data).write_bytes(b"no database" * 1000)
    [finding] = found()[1]["files"]
    assert finding["status"] == FAIL


def test_a_clock_that_is_behind_the_newest_post(data: Path) -> None:
    runtime = ThreadRuntime()
    path = store(data)
    for ahead_ms, status in ((0, OK), (3_600_000, FAIL)):
        with closing(sqlite3.connect(path)) as connection:
            row = (floor_id(runtime.now_ms() + ahead_ms), b"")
            connection.execute("INSERT INTO tweets (tweet_id, record) VALUES (?, ?)", row)
            connection.commit()
        [finding] = found()[1]["clock"]
        assert finding["status"] == status


def test_servers_are_looked_at_only_where_the_settings_name_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not {"memcached", "kafka", "cql"} & found()[1].keys()
    with listening() as port:
        gone = free_ports()[0]
        monkeypatch.setenv("MURMURATION_MEMCACHED__NODES", f'["127.0.0.1:{port}", "dns:127.0.0.1:{gone}"]')
        monkeypatch.setenv("MURMURATION_KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{port}, 127.0.0.1:{gone}")
        monkeypatch.setenv("MURMURATION_CQL__PORT", str(gone))
        code, checks = found()
    assert code == 1
    assert [finding["status"] for finding in checks["memcached"]] == [OK, FAIL]
    assert [finding["status"] for finding in checks["kafka"]] == [OK, FAIL]
    assert [finding["status"] for finding in checks["cql"]] == [FAIL]


@pytest.mark.parametrize(
    ("version", "wanted", "met"),
    [
        ("1.76.0", ">=1.76", True),
        ("1.75.9", ">=1.76", False),
        ("1.9", ">=1.10", False),
        ("7.0.0", ">=6.31.1,<8", True),
        ("8.0", ">=6.31.1,<8", False),
        ("8.0rc1", ">=6.31.1,<8", False),
        ("2.1.post1", "==2.1", True),
        ("3.11", ">=3.11", True),
        ("1.0", "", True),
    ],
)
def test_ranges(version: str, wanted: str, met: bool) -> None:
    assert installation.satisfies(version, wanted) is met


def test_every_range_of_the_project_can_be_read() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [line for lines in (project["dependencies"], *project["optional-dependencies"].values()) for line in lines]
    for line in lines:
        match = re.fullmatch(r"[\w-]+(?:\[[\w,]+\])?((?:[<>=!]+[\d.]+,?)*)", line)
        assert match, f"{line}: give installation.py:satisfies this kind of range"
        assert len(installation._CLAUSE.findall(match[1])) == len(match[1].split(",")) or not match[1]


def test_packages_that_are_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses(installation.packages({"server"})) == [OK]
    real = installation.metadata.version

    def version(name: str) -> str:
        if name == "typer":
            raise installation.metadata.PackageNotFoundError(name)
        return "1.0" if name == "grpcio" else real(name)

    monkeypatch.setattr(installation.metadata, "version", version)
    findings = list(installation.packages({"server"}))
    assert statuses(findings) == [FAIL, FAIL]
    assert {finding.what for finding in findings} == {
        "grpcio 1.0 is not >=1.76.",
        "typer is not installed (>=0.22 is needed).",
    }
    assert statuses(installation.packages(())) == [FAIL]  # typer is not the library's


def test_generated_code_that_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    assert statuses(installation.generated_code()) == [OK]
    monkeypatch.setitem(sys.modules, "murmuration.v1.user_pb2_grpc", None)
    assert statuses(installation.generated_code()) == [FAIL]


def test_python_and_sqlite_that_are_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation.platform, "python_version", lambda: "3.10.9")
    monkeypatch.setattr(installation.sqlite3, "sqlite_version_info", (3, 7, 0))
    assert statuses(installation.python()) == [FAIL, FAIL]
