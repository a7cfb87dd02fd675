"""Which toolchains of other languages are here, and are they new enough? What each client needs stands in its own
go.mod or package.json; this reads it there.

`python3 -m tools.toolchains` installs with apt what is missing, where this machine's packages are new enough, and says
in a line of its own what it leaves out. CI runs it, before there is any environment.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

CLIENTS = Path(__file__).resolve().parent.parent / "clients"
Version = tuple[int, ...]


@dataclass(frozen=True)
class Toolchain:
    """`commands` must be there, and what `asks` prints must be `least` or newer. `packages`: Debian's, the one that
    carries the version first. `elsewhere`: where newer ones come from."""

    name: str
    folder: str
    commands: tuple[str, ...]
    asks: tuple[str, ...]
    least: Version
    packages: tuple[str, ...]
    elsewhere: str

    def missing(self) -> str:
        """Empty where all is there; otherwise a sentence, and what to install."""
        lost = [command for command in self.commands if shutil.which(command) is None]
        found = f"no {' and no '.join(lost)}" if lost else ""
        if not lost:
            printed = _printed(*self.asks)
            found = "" if version_in(printed) >= self.least else printed.strip() or "one that names no version"
        wanted = f"{self.name} {dotted(self.least)} or newer"
        packages = " ".join(self.packages)
        where = f"`sudo apt install {packages}` brings it from Debian 13 on; otherwise take it from {self.elsewhere}."
        return f"{wanted} is needed and there is {found}. {where}" if found else ""

    def install(self) -> None:
        """With apt, if its candidate is new enough and we may; otherwise does nothing."""
        candidate = re.search(r"Candidate: (?:\d+:)?(\S+)", _printed("apt-cache", "policy", self.packages[0]))
        if os.geteuid() == 0 and candidate and version_in(candidate[1]) >= self.least:
            command = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *self.packages]
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL)


def version_in(text: str) -> Version:
    """The first version number in what a program prints. Empty, which is older than any, where there is none."""
    found = re.search(r"\d+(\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def dotted(version: Version) -> str:
    return ".".join(map(str, version))


def _printed(*command: str) -> str:
    """Empty where it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _least(file: str, pattern: str) -> Version:
    found = re.search(pattern, (CLIENTS / file).read_text(), re.MULTILINE)
    assert found, f"clients/{file} does not say what it needs"
    return version_in(found[1])


GO = Toolchain(
    name="Go",
    folder="go",
    commands=("go",),
    asks=("go", "env", "GOVERSION"),
    least=_least("go/go.mod", r"^go (\S+)"),
    packages=("golang-go",),
    elsewhere="go.dev",
)
NODE = Toolchain(
    name="Node.js",
    folder="typescript",
    commands=("node", "npm"),
    asks=("node", "--version"),
    least=version_in(json.loads((CLIENTS / "typescript" / "package.json").read_text())["engines"]["node"]),
    packages=("nodejs", "npm"),
    elsewhere="nodejs.org",
)
ALL = (GO, NODE)


def main() -> None:
    for toolchain in ALL:
        if toolchain.missing():
            toolchain.install()
        if missing := toolchain.missing():
            print(f"SKIPPED: the client in clients/{toolchain.folder} is not tested. {missing}", flush=True)


if __name__ == "__main__":
    main()
