"""Decisions are numbered without gaps, have the same three parts, and state facts of libraries as they are."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import distribution

import pytest

from tests.docs.pages import ROOT, prose

ADRS = sorted((ROOT / "docs" / "adr").glob("*.md"))
LIBRARIES = ROOT / "docs" / "adr" / "0010-libraries.md"
MAX_LINES = 60

_ROW = re.compile(r"^\| `([\w-]+)` \| [^|]+ \| (yes|no) \| ([^|]+) \|$", re.MULTILINE)


def test_they_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))
    for number, path in enumerate(ADRS, start=1):
        assert path.read_text("utf-8").startswith(f"# {number}. ")


def test_they_have_three_parts_and_are_short() -> None:
    for path in ADRS:
        text = path.read_text("utf-8")
        parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert parts == ["Context", "Decision", "Consequences"], path.name
        assert len(text.splitlines()) <= MAX_LINES, path.name


@pytest.mark.parametrize(("name", "types", "licence"), _ROW.findall(prose(LIBRARIES)))
def test_a_library_is_as_described(name: str, types: str, licence: str) -> None:
    installed = distribution(name)
    said = installed.metadata
    classified = [line.rpartition(":: ")[2] for line in said.get_all("Classifier", []) if line.startswith("License")]
    assert licence in (said.get("License-Expression"), said.get("License"), *classified)
    assert (types == "yes") == any(path.name == "py.typed" for path in installed.files or ())


def test_every_library_that_is_asked_for_is_described() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[\[<>=!~; ]", requirement)[0] for requirement in asked} - {project["name"]}
    assert names <= {row[0] for row in _ROW.findall(prose(LIBRARIES))}
