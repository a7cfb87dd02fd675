"""A measured row, and the file of all rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.goals import BY_NAME
from benchmarks.intervals import Estimate

FOLDER = Path(__file__).with_name("results")
LATEST = FOLDER / "latest.json"
STACK = FOLDER / "stack.json"
DIGITS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """What one measurement found for one goal.

    `rounds`: how many. `detail`: further figures, name to number or text, units in the names. `series`: name to a
    number for each round, for plots.
    """

    name: str
    estimate: Estimate
    rounds: int
    detail: dict[str, Any] = field(default_factory=dict)
    series: dict[str, list[float]] = field(default_factory=dict)

    def document(self, machine: dict[str, Any]) -> dict[str, Any]:
        """As it stands in the file. `adr`: where a goal that is not met is explained."""
        goal, value = BY_NAME[self.name], rounded(self.estimate.value)
        return {
            "name": self.name,
            "what": goal.what,
            "value": value,
            "unit": goal.unit,
            "goal": goal.text,
            "aim": goal.aim,
            "met": goal.met_by(value),
            "low": rounded(self.estimate.low),
            "high": rounded(self.estimate.high),
            "confidence": rounded(self.estimate.confidence),
            "rounds": self.rounds,
            "detail": {key: rounded(value) for key, value in self.detail.items()},
            "series": {key: [rounded(value) for value in values] for key, values in self.series.items()},
            "machine": machine,
            "adr": None,
        }


def in_order(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """As their goals stand."""
    places = list(BY_NAME)
    return sorted(rows, key=lambda row: places.index(row["name"]))


def rounded(value: Any) -> Any:
    """Four significant digits: more would say more than was measured."""
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def read(path: Path = LATEST) -> list[dict[str, Any]]:
    """The rows of a file; none where there is no file."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return rows


def merge(path: Path, new: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Puts rows into the file in the place of older ones of the same name; each says when and of which commit it was
    measured. A link to an ADR stays while the goal is not met."""
    rows = {row["name"]: row for row in read(path)}
    for row in new:
        held = rows.get(row["name"])
        if held is not None and not row["met"]:
            row["adr"] = held["adr"]
        rows[row["name"]] = row
    ordered = in_order(rows.values())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ordered, indent=1) + "\n", "utf-8")
    return ordered
