"""Jars of a server, fetched once by Maven and kept outside the tree."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.stack.process import Missing, need

JAVA_PACKAGE = "openjdk-17-jre-headless"
FETCH_SECONDS = 540

_POM = """<project>
<modelVersion>4.0.0</modelVersion><groupId>murmuration</groupId><artifactId>stack</artifactId><version>1</version>
<dependencies>{dependencies}</dependencies></project>
"""
_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"


def java() -> str:
    """The path of Java. Raises `Missing`."""
    return need("java", JAVA_PACKAGE)


def cache_folder() -> Path:
    """Where fetched things are kept: below MURMURATION_CACHE, XDG_CACHE_HOME or the home folder."""
    chosen = os.environ.get("MURMURATION_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "murmuration"


def jars_folder(coordinates: Sequence[str]) -> Path:
    """Where these jars are once they have been fetched."""
    name = hashlib.sha256("\n".join(coordinates).encode()).hexdigest()[:12]
    return cache_folder() / f"{coordinates[0].split(':')[1]}-{name}"


def jars(coordinates: Sequence[str]) -> Path:
    """A folder with the jars of "group:artifact:version" coordinates and of all that they need at run time.

    Fetches them the first time (10-30 s). Raises `Missing` where Maven is not installed or fetches nothing.
    """
    folder = jars_folder(coordinates)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        _fetch(Path(scratch), coordinates)
        try:
            # Whole or not at all: somebody else may be fetching the same.
            (Path(scratch) / "lib").rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    return folder


def _fetch(scratch: Path, coordinates: Sequence[str]) -> None:
    dependencies = "".join(_DEPENDENCY.format(*one.split(":")) for one in coordinates)
    (scratch / "pom.xml").write_text(_POM.format(dependencies=dependencies))
    command = [need("mvn", "maven"), "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime"]
    done = subprocess.run(
        [*command, f"-DoutputDirectory={scratch / 'lib'}"],
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
        check=False,
    )
    if done.returncode != 0 or not list((scratch / "lib").glob("*.jar")):
        shutil.rmtree(scratch / "lib", ignore_errors=True)
        raise Missing(f"Maven could not fetch {', '.join(coordinates)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
