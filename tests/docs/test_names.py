"""Files, functions, tests, make targets and links that documents name are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import README, ROOT, SERVER, anchors, blocks, codes, commands, links, name_of, pages, prose

_PYTHON_NAME = re.compile(r"([\w./-]+\.py):(\w+(?:\.\w+)?)")
_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
# A path of ours: it has a folder, or an ending that only files have, and no sign that stands for something else.
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")
_ENDINGS = (".py", ".md", ".proto", ".toml", ".txt", ".patch")
_FOLDERS = ("protos/", "servers/", "clients/", "tests/", "docs/", "tools/", "loadtest/", "k8s/")
# Of a service's package, in general; and files that a running system makes.
_NOT_FILES = {"service.py", "client.py", "store.py", "stores/sqlite.py", "events.py", "internal.py", "present.py"}

each_page = pytest.mark.parametrize("page", pages(), ids=name_of)


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in links(page):
        target, _, anchor = link.partition("#")
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            lost.append(link)
    assert not lost


@each_page
def test_named_files_exist(page: Path) -> None:
    lost = [name for name in codes(page) if _names_a_file(name) and not _find(name.partition(":")[0])]
    assert not lost


@each_page
def test_named_functions_exist(page: Path) -> None:
    lost = []
    for code in codes(page):
        named = _PYTHON_NAME.fullmatch(code)
        if named is None:
            continue
        path = _find(named[1])
        if path is None or named[2] not in _defined(path):
            lost.append(code)
    assert not lost


@each_page
def test_named_tests_exist(page: Path) -> None:
    lost = []
    for file, test in _TEST.findall(page.read_text("utf-8")):
        path = ROOT / file
        if not path.exists() or test not in {name.rpartition(".")[2] for name in _defined(path)}:
            lost.append(f"{file}::{test}")
    assert not lost


@each_page
def test_make_targets_exist(page: Path) -> None:
    shell = [line for block in blocks(page) if block.language == "sh" for line in commands(block)]
    named = {name for line in [*shell, *codes(page)] for name in re.findall(r"^make ([a-z]+)\b", line)}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert named <= targets


def test_every_folder_of_tests_is_described() -> None:
    found = {
        path.relative_to(ROOT).parts[1] for path in (ROOT / "tests").glob("*/*") if path.suffix in (".py", ".patch")
    }
    described = {name.removeprefix("tests/") for name in codes(ROOT / "CONTRIBUTING.md") if name.startswith("tests/")}
    assert found <= described


def promises() -> dict[int, str]:
    """Number to the row of README's table."""
    section = prose(README).partition("## Promises")[2].partition("\n## ")[0]
    return {int(number): row for number, row in re.findall(r"^\| (\d+) \|(.*)\|$", section, re.MULTILINE)}


def test_every_promise_names_its_test_or_says_not_yet() -> None:
    rows = promises()
    assert set(rows) == set(range(1, 15))
    for number, row in rows.items():
        if number in (12, 13):
            assert "Not yet" in row
        else:
            assert _TEST.search(row), f"promise {number} names no test"


def _names_a_file(code: str) -> bool:
    path = code.partition(":")[0]
    if path in _NOT_FILES or not _PATH.fullmatch(path):
        return False
    return path.startswith(_FOLDERS) or path.endswith(_ENDINGS)


def _find(name: str) -> Path | None:
    return next((base / name for base in (ROOT, SERVER) if (base / name).exists()), None)


@cache
def _defined(path: Path) -> frozenset[str]:
    """Functions, classes, their methods and attributes, and constants of a module; methods as `Class.method`."""
    names: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        for name in _bound(node):
            names.add(name)
            if isinstance(node, ast.ClassDef):
                names.update(f"{name}.{inner}" for part in node.body for inner in _bound(part))
    return frozenset(names)


def _bound(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [node.target.id] if isinstance(node.target, ast.Name) else []
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    return []
