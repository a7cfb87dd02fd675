"""Plots of the rows as SVG, the same bytes for the same rows.

Colours are Okabe and Ito's, which people with any kind of colour vision tell apart (jfly.uni-koeln.de/color), and no
colour says anything alone: every bar and line is labelled.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.table import number

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"
LINES = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#8C8000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
MOST_LABELLED = 3
"""Lines with their words beside them; more would be written over one another, and have a list of words."""
STYLE: Any = {
    "svg.hashsalt": "murmuration",
    "svg.fonttype": "path",  # looks alike where the font is not installed
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SIZE = (8.0, 4.5)
UNITS = {
    "home-reads": "home reads a second",
    "home-reads-while-posting": "home reads a second",
    "fanout": "rows a second",
    "ack-large-author": "p99 of CreateTweet, ms",
    "visible-half-load": "p99, s",
    "visible-beside-large": "p99, s",
    "wide-reader": "median of ListHomeTimeline, ms",
    "page-40": "median of ListHomeTimeline, ms",
    "reads-100k-users": "home reads a second",
    "posts-100k-users": "posts a second",
    "import-graph": "accounts and follows a second",
    "start": "s",
    "client-import": "s",
    "stack-deliveries": "rows a second",
    "stack-deliveries-one-by-one": "rows a second",
    "stack-home-reads": "home reads a second",
    "stack-two-timelines": "home reads a second",
    "stack-rebuild-cached": "s",
    "stack-rebuild-cold": "s",
    "stack-visible-half-load": "p99, s",
    "stack-posts-without-log": "posts a second",
    "stack-recovery-role": "s",
    "stack-recovery-cache": "s",
    "stack-recovery-database": "s",
    "stack-recovery-log": "s",
}
"""What the series of a row are measured in."""


def all_plots(rows: Sequence[Mapping[str, Any]], overview: str) -> dict[str, str]:
    """File name to SVG. `overview`: the name of the plot of all goals."""
    plots = {f"{overview}.svg": _svg(goals(rows))} if rows else {}
    for row in rows:
        if row["series"]:
            plots[f"{row['name']}.svg"] = _svg(rounds(row))
    return plots


def goals(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How far each figure is from its goal, on one scale: to the right of the line it is met, by that factor."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.0, 0.42 * len(rows) + 1.2), layout="constrained")
        axes = figure.subplots()
        for place, row in enumerate(reversed(rows)):
            low, middle, high = sorted(_times_better(row, row[key]) for key in ("low", "value", "high"))
            colour, marker = (BLUE, "o") if row["met"] else (ORANGE, "X")
            axes.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.4, solid_capstyle="butt")
            axes.plot(middle, place, marker, color=colour, markersize=7)
        axes.axvline(1, color=GREY, linewidth=1)
        axes.set_xscale("log")
        ticks = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]
        low, high = axes.get_xlim()
        axes.set_xticks([tick for tick in ticks if low <= tick <= high])
        axes.set_xticks([], minor=True)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}x")
        axes.set_yticks(range(len(rows)), [row["name"] for row in reversed(rows)])
        axes.set_xlabel("how many times better than the goal (circle: met; cross: not met; bar: interval)")
        axes.grid(axis="x", alpha=0.25)
        return figure


def rounds(row: Mapping[str, Any]) -> Figure:
    """What each round measured, side by side, with the medians."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.subplots()
        many = len(row["series"]) > MOST_LABELLED
        for (name, values), colour, marker in zip(row["series"].items(), LINES, MARKERS, strict=False):
            numbers = range(1, len(values) + 1)
            middle = sorted(values)[len(values) // 2]
            axes.plot(
                numbers, values, marker=marker, color=colour, linewidth=1.2, label=f"{name}, median {number(middle)}"
            )
            if many:
                continue
            axes.axhline(middle, color=colour, linewidth=0.8, linestyle="--", alpha=0.6)
            axes.annotate(
                f"{name}\nmedian {number(middle)}",
                (len(values), values[-1]),
                xytext=(10, 0),
                textcoords="offset points",
                color=colour,
                va="center",
            )
        _label(axes, row)
        if many:
            figure.legend(loc="outside right upper", frameon=False)
        return figure


def _label(axes: Axes, row: Mapping[str, Any]) -> None:
    axes.set_ylim(bottom=0)
    axes.set_xticks(range(1, row["rounds"] + 1))
    axes.set_xlabel("round")
    axes.set_ylabel(UNITS[row["name"]])
    axes.grid(axis="y", alpha=0.25)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")


def _times_better(row: Mapping[str, Any], value: float) -> float:
    sign, bound = row["goal"].split()
    return value / float(bound) if sign == ">=" else float(bound) / value


def _svg(figure: Figure) -> str:
    with mpl.rc_context(STYLE):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "benchmarks/plots.py"})
    # Line ends without spaces, as git wants them.
    return re.sub(r"[ \t]+$", "", buffer.getvalue(), flags=re.MULTILINE)
