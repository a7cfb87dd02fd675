"""`python -m tools.stack` on a machine that lacks something says all that it lacks, at once, and how to get it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JAVA = "#!/bin/sh\necho 'openjdk version \"{}\" 2026-01-20' >&2\n"


def stack(programs: Path, *, jars: Path, module: str = "tools.stack") -> subprocess.CompletedProcess[str]:
    """Starts the command where only these programs are to be found, and these jars."""
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env={"PATH": str(programs), "MURMURATION_CACHE": str(jars)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def program(folder: Path, name: str, text: str = "#!/bin/sh\n") -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


@pytest.mark.parametrize("module", ["tools.stack", "tools.stack.demo"])
def test_all_that_is_missing_is_named_with_what_brings_it(tmp_path: Path, module: str) -> None:
    done = stack(tmp_path, jars=tmp_path, module=module)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        "stack: this machine lacks what it needs:",
        "  java is not installed: sudo apt install openjdk-17-jre-headless",
        "  mvn is not installed (it fetches Cassandra and Kafka, once): sudo apt install maven",
        "  memcached is not installed: sudo apt install memcached",
        "  setpriv is not installed: sudo apt install util-linux",
    ]
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_installed_is_left_out_aloud(tmp_path: Path) -> None:
    done = stack(tmp_path, jars=tmp_path, module="tools.stack.needs")
    assert done.returncode == 1
    assert done.stdout.startswith("SKIPPED: nothing is tested on real servers. java is not installed: ")


def test_another_java_is_named_with_its_version(tmp_path: Path) -> None:
    for name in ("mvn", "memcached", "setpriv"):
        program(tmp_path, name)
    program(tmp_path, "java", JAVA.format("21.0.9"))
    lacks = stack(tmp_path, jars=tmp_path).stderr.splitlines()[1:]
    assert len(lacks) == 1
    assert "java is Java 21 and Cassandra needs 17" in lacks[0]
    assert "sudo apt install openjdk-17-jre-headless" in lacks[0]


def test_maven_is_not_asked_for_where_the_jars_are(tmp_path: Path) -> None:
    from tools.stack import cassandra, kafka
    from tools.stack.maven import jars_folder

    for coordinates in (cassandra.COORDINATES, kafka.COORDINATES):
        (tmp_path / "jars" / jars_folder(coordinates).name).mkdir(parents=True)
    program(tmp_path, "java", JAVA.format("17.0.15"))
    said = stack(tmp_path, jars=tmp_path / "jars").stderr
    assert "memcached" in said
    assert "java" not in said
    assert "mvn" not in said


def test_help_teaches_without_any_of_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.stack", "--help"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    for word in ("--cassandra", "--data", "--for", "--roles", "murmurd serve --role", "Java 17"):
        assert word in done.stdout
