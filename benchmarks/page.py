"""docs/results.md and its plots, made from the files of rows. `python -m benchmarks.page` writes them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import plots, results, table
from benchmarks.machine import ROOT
from benchmarks.registry import EMBEDDED, STACK, SUITES, Suite

PAGE = ROOT / "docs" / "results.md"
PLOTS = PAGE.with_name("results")

INTRODUCTION = """\
# Results

What was measured, on one machine, beside honest baselines; each chapter names the command that measures it anew. This
page and its plots are made from `benchmarks/results/latest.json` and `stack.json`, where every figure stands with more
digits and details. A ratio is what stands first in its row beside what it is compared with. Where "met" says no, the
goal stands and is not reached.
"""

ON_FILES = """\
`murmurd up`, a serving process and a worker on SQLite: `make bench`.
"""

ON_SERVERS = """\
The roles, each a process, on a Cassandra node, a Kafka broker and three Memcached nodes: `make bench ARGS=--stack`. All
of them, and who makes the load, share the cores of one machine, so these figures say what the code costs beside its
baselines; what many machines do they do not say.
"""
CHAPTERS = ((EMBEDDED, "On its own files", ON_FILES), (STACK, "On real servers", ON_SERVERS))

AGAIN = """\
## How to measure again

```sh
make bench
make bench ARGS='--only fanout'
make bench ARGS='--quick'
make bench ARGS='--profile home-reads'
make bench ARGS='--stack'
make results
```

The first takes at most 15 minutes on two idle cores and replaces the file's rows, the second those of one measurement.
The third takes a minute, shows that all of it runs, and writes nothing. The fourth leaves flame graphs of both
processes in `benchmarks/profiles/`. The fifth measures on real servers, needs what `make stack` needs, and takes the
same options. The last makes this page from the files.

In each round all that is compared runs in turns, in one round forwards and in the next one backwards, so slow changes
of the machine meet all sides. A figure is the median of the rounds' ratios, and its interval that of order statistics;
a p99 is that of all calls of all rounds, and its interval the bootstrap's over rounds (`benchmarks/intervals.py` names
the sources). A machine with other work to do makes intervals wide; the load average before each measurement is below.
Load comes from processes of its own that write HTTP/2 frames themselves: see
[ADR 0016](adr/0016-load-without-a-grpc-client.md).
"""


def render(files: Mapping[Path, Sequence[Mapping[str, Any]]]) -> str:
    """The page. `files`: the rows of each suite's file."""
    chapters = [(suite, title, words) for suite, title, words in CHAPTERS if files[suite.file]]
    parts = [INTRODUCTION, " · ".join(map(_link, [*(title for _, title, _ in chapters), "How to measure again"]))]
    for suite, title, words in chapters:
        parts += [f"## {title}", words, *_suite(suite, files[suite.file])]
    return "\n\n".join(part.rstrip() for part in [*parts, AGAIN]) + "\n"


def read() -> dict[Path, list[dict[str, Any]]]:
    """The rows of each suite's file."""
    return {suite.file: results.read(suite.file) for suite in SUITES}


def drawn(files: Mapping[Path, Sequence[Mapping[str, Any]]]) -> dict[str, str]:
    """All plots: file name to SVG."""
    return {name: svg for suite in SUITES for name, svg in plots.all_plots(files[suite.file], suite.plot).items()}


def write() -> None:
    """Replaces the page and all plots."""
    files = read()
    PLOTS.mkdir(exist_ok=True)
    made = drawn(files)
    for old in PLOTS.glob("*.svg"):
        if old.name not in made:
            old.unlink()
    for name, svg in made.items():
        (PLOTS / name).write_text(svg, "utf-8")
    PAGE.write_text(render(files), "utf-8")


def _suite(suite: Suite, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    parts = [table.markdown(rows), _picture(suite.plot, "each figure beside its goal")]
    by_name = {row["name"]: row for row in rows}
    for measurement in suite.measurements:
        theirs = [by_name[name] for name in measurement.NAMES if name in by_name]
        if theirs:
            parts += _section(measurement, theirs)
    return [*parts, "### Machine" + (" of the figures on real servers" if suite is STACK else ""), _machine(rows)]


def _section(measurement: Any, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What was measured and how, in the words of the measurement itself; its details; its plots."""
    module = importlib.import_module(measurement.__name__)
    parts = [f"### {', '.join(measurement.NAMES)}", (module.__doc__ or "").strip()]
    for row in rows:
        if row["adr"]:
            parts.append(f"Why {row['name']} is not met: [ADR {row['adr'].split('-')[0]}](adr/{row['adr']}.md).")
        if row["detail"]:
            parts.append(_details(row))
        if row["series"]:
            parts.append(_picture(row["name"], f"{row['name']}, round by round"))
    return parts


def _details(row: Mapping[str, Any]) -> str:
    lines = [f"| {row['name']} | |", "| --- | --- |"]
    for key, value in row["detail"].items():
        lines.append(f"| {key.replace('_', ' ')} | {table.number(value) if not isinstance(value, str) else value} |")
    return "\n".join(lines)


def _link(title: str) -> str:
    return f"[{title}](#{title.lower().replace(' ', '-')})"


def _picture(name: str, words: str) -> str:
    return f"![{words}](results/{name}.svg)"


def _machine(rows: Sequence[Mapping[str, Any]]) -> str:
    """Facts that all rows share once, those that differ row by row."""
    facts = {key: {row["machine"][key] for row in rows} for key in rows[0]["machine"]}
    lines = ["| | |", "| --- | --- |"]
    lines += [f"| {key.replace('_', ' ')} | {values.pop()} |" for key, values in facts.items() if len(values) == 1]
    differing = [key for key in rows[0]["machine"] if len({row["machine"][key] for row in rows}) > 1]
    if not differing:
        return "\n".join(lines)
    heads = ["row", *(key.replace("_", " ") for key in differing)]
    lines += ["", f"| {' | '.join(heads)} |", f"| {' | '.join('---' for _ in heads)} |"]
    lines += [f"| {row['name']} | {' | '.join(str(row['machine'][key]) for key in differing)} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    write()
