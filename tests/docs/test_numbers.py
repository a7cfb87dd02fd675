"""The numbers of docs/requirements.md are those of the code, and other documents' settings exist."""

from __future__ import annotations

import importlib
import os
import re
import tomllib
from pathlib import Path

import pytest

from murmuration_server.graph.relations import Relations, encode
from murmuration_server.platform.config import Settings, load
from tests.docs.generated import all_settings
from tests.docs.pages import ROOT, blocks, codes, name_of, pages, prose

REQUIREMENTS = ROOT / "docs" / "requirements.md"
CONFIGURATION = ROOT / "docs" / "configuration.md"

_ROW = re.compile(r"^\| (?P<question>.+?) \| (?P<answer>.+?) \| `(?P<source>[^`]+)` \|$", re.MULTILINE)
_NUMBER = re.compile(r"(?P<number>\d[\d,]*(?:\.\d+)?)(?: (?P<unit>days?|minutes?|ms|s|MiB|bits)\b)?")
_CONSTANT = re.compile(r"(?P<file>[\w/]+)\.py:(?P<name>\w+)")
_SECONDS = {"day": 86_400, "days": 86_400, "minute": 60, "minutes": 60, "s": 1, "ms": 0.001}


def rows() -> list[re.Match[str]]:
    return list(_ROW.finditer(prose(REQUIREMENTS)))


def said(answer: str, name: str) -> float:
    """The number in an answer, in the unit that the name of its source ends with."""
    found = _NUMBER.search(answer)
    assert found, f"no number in: {answer}"
    number, unit = float(found["number"].replace(",", "")), found["unit"]
    if unit in _SECONDS:
        seconds = number * _SECONDS[unit]
        return seconds * 1000 if name.lower().endswith("_ms") else seconds
    return number * (1 << 20) if unit == "MiB" else number


def meant(source: str) -> float:
    constant = _CONSTANT.fullmatch(source)
    if constant:
        module = importlib.import_module("murmuration_server." + constant["file"].replace("/", "."))
        return float(getattr(module, constant["name"]))
    return float(all_settings()[source].default)


def test_the_page_has_its_numbers() -> None:
    assert len(rows()) > 50


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["source"])
def test_a_number_is_the_code_s(row: re.Match[str]) -> None:
    assert said(row["answer"], row["source"]) == pytest.approx(meant(row["source"]))


def test_the_sizes_of_relations() -> None:
    nobody = len(encode(Relations({}, frozenset(), frozenset(), frozenset(), frozenset())))
    assert len(encode(Relations({1: 0}, frozenset(), frozenset(), frozenset(), frozenset()))) == nobody + 16
    for place in range(3):
        one = [frozenset({1}) if place == number else frozenset() for number in range(3)]
        assert len(encode(Relations({}, frozenset(), *one))) == nobody + 8


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_named_settings_exist(page: Path) -> None:
    sections = {name for name, field in Settings.model_fields.items() if hasattr(field.annotation, "model_fields")}
    named = {code for code in codes(page) if re.fullmatch(rf"(?:{'|'.join(sections)})\.[a-z_]+", code)}
    files = {code for code in named if code.endswith((".py", ".proto", ".sqlite"))}
    assert named - files <= all_settings().keys()


def test_the_example_configuration_is_accepted_in_both_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MURMURATION_")]:
        monkeypatch.delenv(name)
    file, shell = (next(block for block in blocks(CONFIGURATION) if block.language == kind) for kind in ("toml", "sh"))
    path = tmp_path / "murmuration.toml"
    path.write_text(file.text, "utf-8")
    from_file = load(path)
    assert from_file != Settings()
    assert from_file == Settings.model_validate(tomllib.loads(file.text))
    for name, value in re.findall(r"^export (\w+)=(\S+)$", shell.text, re.MULTILINE):
        monkeypatch.setenv(name, value)
    assert load() == from_file
