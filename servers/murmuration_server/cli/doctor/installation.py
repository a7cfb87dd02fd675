"""Checks of what is installed: the interpreter, the packages, the generated code."""

from __future__ import annotations

import importlib
import platform
import re
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata

from murmuration_server.cli.doctor.finding import FAIL, OK, Finding

DISTRIBUTION = "murmuration"
MINIMUM_SQLITE = (3, 33)
"""The first release that knows the schema by the name `sqlite_schema`."""

GENERATED = (
    "murmuration.v1.user_pb2_grpc",
    "murmuration.v1.tweet_pb2_grpc",
    "murmuration.v1.graph_pb2_grpc",
    "murmuration.v1.timeline_pb2_grpc",
    "murmuration.admin.v1.admin_pb2_grpc",
    "murmuration.internal.v1.graph_pb2_grpc",
    "murmuration.events.v1.events_pb2",
)

REINSTALL = "Install the project anew: `make venv` in a clone, or pip install 'murmuration[server]'."

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?([^;]*)(?:;.*extra == ['\"]([\w-]+)['\"])?")
"""A line of Requires-Dist, as hatchling writes it: name, extras of it, range, extra of ours that asks for it."""

_CLAUSE = re.compile(r"(>=|<=|==|!=|<|>)\s*([\d.]+)")


def python() -> Iterator[Finding]:
    """The interpreter against what the package asks for, and the SQLite that it brings."""
    wanted = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    version = platform.python_version()
    if satisfies(version, wanted):
        yield Finding("python", OK, f"Python {version} ({sys.executable}).")
    else:
        yield Finding("python", FAIL, f"Python {version} is not {wanted}.", "Use another Python and install anew.")
    if sqlite3.sqlite_version_info < MINIMUM_SQLITE:
        needed = ".".join(map(str, MINIMUM_SQLITE))
        yield Finding("sqlite", FAIL, f"SQLite {sqlite3.sqlite_version} is older than {needed}.", "Use a newer Python.")
    else:
        yield Finding("sqlite", OK, f"SQLite {sqlite3.sqlite_version}.")


def packages(extras: Iterable[str]) -> Iterator[Finding]:
    """Each package that the library and these extras ask for, against the range that they ask for."""
    requirements = dict(_requirements(frozenset(extras)))
    faults = [fault for name, wanted in requirements.items() if (fault := _package_fault(name, wanted))]
    for fault in faults:
        yield Finding("packages", FAIL, fault, REINSTALL)
    if not faults:
        yield Finding("packages", OK, f"{len(requirements)} packages are there, each within its range.")


def generated_code() -> Iterator[Finding]:
    """Whether the code made from the protos loads: it refuses a grpcio or protobuf that is older than its generator."""
    for module in GENERATED:
        try:
            importlib.import_module(module)
        except Exception as error:
            what = f"{module} does not load: {type(error).__name__}: {' '.join(str(error).split())}"
            yield Finding("generated code", FAIL, what, REINSTALL)
            return
    yield Finding("generated code", OK, "The code made from the protos loads.")


def satisfies(version: str, wanted: str) -> bool:
    """Whether a version meets every clause of ">=1.2,<2". A version's letters (rc1, +local) do not count."""
    have = _numbers(version)
    for operator, number in _CLAUSE.findall(wanted):
        limit = _numbers(number)
        met = {
            ">=": have >= limit,
            "<=": have <= limit,
            "==": have == limit,
            "!=": have != limit,
            "<": have < limit,
            ">": have > limit,
        }
        if not met[operator]:
            return False
    return True


def _package_fault(name: str, wanted: str) -> str | None:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is not installed ({wanted or 'any version'} is needed)."
    return None if satisfies(version, wanted) else f"{name} {version} is not {wanted}."


def _requirements(extras: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Names and ranges, of the extras that one extra includes too."""
    for line in metadata.requires(DISTRIBUTION) or ():
        match = _REQUIREMENT.match(line)
        assert match, line
        name, included, wanted, extra = match.groups()
        if extra is not None and extra not in extras:
            continue
        if name == DISTRIBUTION:
            yield from _requirements(frozenset((included or "").split(",")))
        else:
            yield name, wanted.strip()


def _numbers(version: str) -> tuple[int, ...]:
    """ "1.2.0rc1" as (1, 2): numbers of the release, without zeros at its end."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
