"""Rows, their file, and that it has one for every goal."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from benchmarks import page, results, table
from benchmarks.goals import BY_NAME, GOALS, STACK_GOALS, Goal
from benchmarks.intervals import Estimate
from benchmarks.registry import EMBEDDED, STACK, SUITES, Suite
from benchmarks.results import Row

KEYS = {"name", "value", "unit", "goal", "met", "low", "high", "rounds", "detail", "machine", "adr"}
FACTS = {"cores", "memory_gib", "python", "grpcio", "kernel", "load_average_before", "commit", "measured_at"}


def row(name: str, value: float) -> dict[str, object]:
    return Row(name, Estimate(value, value, value, 0.95), 7).document({})


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.plot)
def test_each_goal_is_measured_once(suite: Suite) -> None:
    measured = [name for each in suite.measurements for name in each.NAMES]
    assert sorted(measured) == sorted(suite.names)


def test_names_are_of_one_suite_only() -> None:
    assert len(BY_NAME) == len(GOALS) + len(STACK_GOALS)


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.plot)
def test_the_file_has_a_row_for_each_goal_in_order(suite: Suite) -> None:
    assert [row["name"] for row in results.read(suite.file)] == suite.names


@pytest.mark.parametrize("row", [row for rows in page.read().values() for row in rows], ids=lambda row: row["name"])
def test_a_row_says_all_that_one_must_know(row: dict[str, object]) -> None:
    goal = BY_NAME[str(row["name"])]
    assert row.keys() >= KEYS
    assert isinstance(row["machine"], dict)
    assert row["machine"].keys() >= FACTS
    value = row["value"]
    assert isinstance(value, float | int)
    assert math.isfinite(value)
    assert (row["unit"], row["goal"]) == (goal.unit, goal.text)
    assert row["met"] == goal.met_by(value)
    assert float(str(row["low"])) <= value <= float(str(row["high"]))
    # A goal that is missed is explained, and one that is met needs no words.
    assert (row["adr"] is None) == row["met"]
    assert row["adr"] is None or (results.FOLDER.parents[1] / "docs" / "adr" / f"{row['adr']}.md").is_file()


def test_a_goal_is_met_at_its_bound() -> None:
    least, most = Goal("a", "", "", 0.5, 1, more_is_better=True), Goal("b", "", "", 0.5, 1)
    assert (least.text, most.text) == (">= 0.5", "<= 0.5")
    assert [least.met_by(value) for value in (0.49, 0.5, 0.51)] == [False, True, True]
    assert [most.met_by(value) for value in (0.49, 0.5, 0.51)] == [True, True, False]


def test_new_rows_take_the_place_of_old_ones_and_leave_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "new" / "rows.json"
    results.merge(path, [row("page-40", 9.0), row("home-reads", 0.8)])
    results.merge(path, [row("page-40", 1.1)])
    assert [(each["name"], each["value"]) for each in results.read(path)] == [("home-reads", 0.8), ("page-40", 1.1)]


def test_the_link_to_an_adr_goes_when_the_goal_is_met(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([row("page-40", 9.0) | {"adr": "0017-x"}]), "utf-8")
    assert results.merge(path, [row("page-40", 8.0)])[0]["adr"] == "0017-x"
    assert results.merge(path, [row("page-40", 1.0)])[0]["adr"] is None


def test_figures_have_four_digits() -> None:
    assert [results.rounded(value) for value in (123456.7, 0.00123456, 7, "x")] == [123500.0, 0.001235, 7, "x"]


def test_one_name_chooses_what_measures_it() -> None:
    assert [each.NAMES for each in EMBEDDED.chosen(["home-reads-while-posting"])] == [
        ("home-reads", "home-reads-while-posting")
    ]
    assert STACK.chosen(None) == list(STACK.measurements)


def test_the_table_for_people() -> None:
    rows = [row("page-40", 1.0524), row("memory", 1234.5)]
    first, rule, *lines = table.plain(rows).splitlines()
    assert first.split() == list(table.HEADINGS)
    assert set(rule) == {"-", " "}
    assert lines[0].split("  ")[-1] == "yes"
    assert "1,230 MB" in lines[1]
    assert (
        table.markdown(rows).splitlines()[2]
        == "| page 40 of a home beside page 1 | 1.05 | 1.05 to 1.05 | <= 1.5 | 1.1 | yes |"
    )
