"""Prints the pins of constraints.txt that some extras of pyproject.toml need, hashes too: an environment without the
rest, for `pip install --require-hashes`.

    python tools/pins.py --extra distributed
    python tools/pins.py --build

With `--build`: what builds the project. It needs the standard library alone, and follows the `# via` remarks by which
uv says who asked for a package; pip refuses to install if one were missing.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ASKER = re.compile(r" +#(?: via |   )(\S+)")  # `# via it`, or one a line below `# via`
_EXTRAS = re.compile(r"\[([^\]]*)\]")


def canonical(name: str) -> str:
    """As package indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked_for(pyproject: Mapping[str, Any], extras: Iterable[str]) -> set[str]:
    """The packages that the project and these extras name, extras that name other extras followed.

    Raises `KeyError` for an extra that there is not.
    """
    project = pyproject["project"]
    found, lines, seen = set(), list(project["dependencies"]), set()
    wanted = list(extras)
    while wanted:
        extra = wanted.pop()
        if extra not in seen:
            seen.add(extra)
            lines += project["optional-dependencies"][extra]
            wanted += [name for line in lines if _is_of(line, project["name"]) for name in _extras(line)]
    for line in lines:
        if not _is_of(line, project["name"]):
            found.add(_name(line))
    return found


def built_with(pyproject: Mapping[str, Any]) -> set[str]:
    """The packages that the build names."""
    return {_name(line) for line in pyproject["build-system"]["requires"]}


def pins_of(constraints: str, names: set[str]) -> str:
    """The entries of these packages and of all that they need, as they stand, remarks left out.

    Raises `KeyError` for a package that is not pinned.
    """
    entries: dict[str, list[str]] = {}
    asked_by: dict[str, set[str]] = {}
    current: list[str] = []
    askers: set[str] = set()
    for line in constraints.splitlines():
        if line[:1].isalnum():
            name = canonical(line.partition("==")[0])
            # A package may be pinned once for each version of Python.
            current, askers = entries.setdefault(name, []), asked_by.setdefault(name, set())
            current.append(line)
        elif line.startswith("    --hash="):
            current.append(line)
        elif remark := _ASKER.match(line):
            askers.add(canonical(remark[1]))
    needed, found = set(names), set()
    while needed:
        name = needed.pop()
        found.add(name)
        needed |= {other for other, by in asked_by.items() if name in by} - found
    return "".join(f"{line}\n" for name in sorted(found) for line in entries[name])


def main() -> None:
    """Prints them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extra", action="append", default=[], help="may be given again")
    parser.add_argument("--build", action="store_true", help="what builds the project, and nothing else")
    arguments = parser.parse_args()
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    names = built_with(pyproject) if arguments.build else asked_for(pyproject, arguments.extra)
    print(pins_of((ROOT / "constraints.txt").read_text("utf-8"), names), end="")


def _name(requirement: str) -> str:
    match = _NAME.match(requirement)
    assert match, requirement
    return canonical(match[0])


def _is_of(requirement: str, project: str) -> bool:
    return _name(requirement) == canonical(project)


def _extras(requirement: str) -> list[str]:
    match = _EXTRAS.search(requirement)
    return [name.strip() for name in match[1].split(",")] if match else []


if __name__ == "__main__":
    main()
