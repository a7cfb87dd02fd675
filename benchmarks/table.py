"""The rows as a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

HEADINGS = ("what", "value", "interval", "goal", "aim", "met")


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One row in the order of HEADINGS."""
    return (
        row["what"],
        amount(row["value"], row["unit"]),
        f"{number(row['low'])} to {number(row['high'])}",
        row["goal"],
        number(row["aim"]),
        "yes" if row["met"] else "no",
    )


def amount(value: float, unit: str) -> str:
    return number(value) if unit == "ratio" else f"{number(value)} {unit}"


def number(value: float) -> str:
    """Three significant digits, thousands with a comma."""
    return f"{float(f'{value:.3g}'):,g}"


def plain(rows: Iterable[Mapping[str, Any]]) -> str:
    """For a terminal: columns in line, a rule below the headings."""
    lines = [HEADINGS, *map(cells, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], "  ".join("-" * width for width in widths), *text[1:]])


def markdown(rows: Iterable[Mapping[str, Any]]) -> str:
    """For a document."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *map(cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
