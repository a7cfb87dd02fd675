"""What the stack needs and this machine lacks: all of it at once, each with the command that mends it.

`python -m tools.stack.needs` installs it with apt and Maven where it can, and ends with 1, and a line that says what
is left out, where it cannot. CI runs it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys

from tools.stack import cassandra, kafka, memcached
from tools.stack.maven import JAVA_PACKAGE, jars, jars_folder
from tools.stack.process import Missing

JAVA_VERSION = 17
"""Cassandra 5.0 runs on Java 11 and 17 and on none that is newer; Kafka 4 needs 17."""
_JARS = (cassandra.COORDINATES, kafka.COORDINATES)
_MAVEN_PACKAGE = "maven"
_PROGRAMS = {"memcached": memcached.PACKAGE, "setpriv": "util-linux"}
_MODULES = ("cassandra", "confluent_kafka", "pymemcache", "uhashring")
_VERSION = re.compile(r'version "(\d+)')


def missing() -> list[str]:
    """A sentence for each thing that is not there; none where all is. Connects to nothing."""
    lacks = [_java()]
    if not all(jars_folder(coordinates).is_dir() for coordinates in _JARS):
        lacks.append(_program("mvn", _MAVEN_PACKAGE, " (it fetches Cassandra and Kafka, once)"))
    lacks += [_program(program, package) for program, package in _PROGRAMS.items()]
    modules = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    if modules:
        lacks.append(f"Python cannot import {', '.join(modules)}: make venv, then run it with .venv/bin/python")
    return [lack for lack in lacks if lack]


def install() -> list[str]:
    """Debian's packages, where we may install any, and the jars. Answers what is missing all the same."""
    if missing() and os.geteuid() == 0 and shutil.which("apt-get"):
        packages = [JAVA_PACKAGE, _MAVEN_PACKAGE, *_PROGRAMS.values()]
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            apt = ["apt-get", "-qq", *command]
            subprocess.run(apt, check=False, stdout=subprocess.DEVNULL)
    lacks = missing()
    try:
        for coordinates in _JARS if not lacks else ():
            jars(coordinates)
    except Missing as error:
        lacks.append(str(error))
    return lacks


def _program(program: str, package: str, purpose: str = "") -> str:
    return "" if shutil.which(program) else f"{program} is not installed{purpose}: sudo apt install {package}"


def _java() -> str:
    if lack := _program("java", JAVA_PACKAGE):
        return lack
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr  # noqa: S607
    found = _VERSION.search(said)
    if found and int(found[1]) == JAVA_VERSION:
        return ""
    name = f"Java {found[1]}" if found else "a Java that names no version"
    return (
        f"java is {name} and Cassandra needs {JAVA_VERSION}: sudo apt install {JAVA_PACKAGE}, "
        "then sudo update-alternatives --config java"
    )


def main() -> int:
    lacks = install()
    if lacks:
        print(f"SKIPPED: nothing is tested on real servers. {'; '.join(lacks)}", flush=True)
    return 1 if lacks else 0


if __name__ == "__main__":
    sys.exit(main())
