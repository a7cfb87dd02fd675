"""`python -m benchmarks`: measures, prints a table, writes benchmarks/results/latest.json."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import machine, results, table
from benchmarks.bench import Bench
from benchmarks.failures import BenchFailed
from benchmarks.goals import GOALS
from benchmarks.profile import FOLDER
from benchmarks.registry import chosen
from benchmarks.rounds import LEAST
from loadtest.system import SystemFailed
from murmuration_client import MurmurationError

BUSY = 0.5
"""Of the cores: with a higher load average before a measurement, somebody else uses the machine. What the measurement
before has left in it counts too, so this is a hint and no more."""
EPILOG = """\
Each figure is the median of rounds in which what is compared runs in turns (A B, B A, …), with the interval in which it
lies with 95% confidence. Rows that are measured replace those of the same name in the file; each says when, of which
commit and on which machine it was measured.

  python -m benchmarks                        everything, at most 15 minutes on 2 cores
  python -m benchmarks --only home-reads      one row, and those that are measured with it
  python -m benchmarks --profile home-reads   flame graphs of both processes while they are measured
  python -m benchmarks --quick --json         seconds instead of minutes: shows that it runs; the file stays as it is
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = [goal.name for goal in GOALS]
    made.add_argument("--only", action="append", choices=names, metavar="ROW", help="a row: " + ", ".join(names))
    made.add_argument("--rounds", type=int, default=None, help=f"how many (default {LEAST}; 2 with --quick)")
    made.add_argument("--quick", action="store_true", help="small sizes, and nothing written")
    made.add_argument("--json", action="store_true", help="the rows as JSON instead of the table")
    made.add_argument("--out", type=Path, default=None, help=f"the file of rows (default {results.LATEST.name})")
    made.add_argument(
        "--profile", choices=names, metavar="ROW", help=f"measure this row under py-spy; flame graphs in {FOLDER.name}/"
    )
    made.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    # Figures under a profiler are not those of the system.
    out = options.out or (None if options.quick or options.profile else results.LATEST)
    began = time.monotonic()
    try:
        documents = _measure(options, out)
    except (BenchFailed, SystemFailed, MurmurationError) as error:
        kept = f" Rows measured before it stand in {out}." if out else ""
        print(f"benchmarks: {error}{kept}", file=sys.stderr)
        return 1
    print(json.dumps(documents, indent=1) if options.json else table.plain(documents))
    print(f"{len(documents)} rows in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


def _measure(options: argparse.Namespace, out: Path | None) -> list[dict[str, Any]]:
    """The rows in the order of the goals; each is in the file as soon as it is measured."""
    rounds = options.rounds or (2 if options.quick else LEAST)
    profiles = FOLDER / options.profile if options.profile else None
    documents: list[dict[str, Any]] = []
    with Bench(rounds, quick=options.quick, quiet=options.quiet, profiles=profiles) as bench:
        for measurement in chosen([options.profile] if options.profile else options.only):
            bench.say(", ".join(measurement.NAMES))
            facts = machine.facts()
            if facts["load_average_before"] > facts["cores"] * BUSY:
                bench.say(f"load average {facts['load_average_before']}: others use this machine, and times show it")
            new = [row.document(facts) for row in measurement.measure(bench)]
            documents += new
            if out is not None:
                results.merge(out, new)
    order = [goal.name for goal in GOALS]
    return sorted(documents, key=lambda row: order.index(row["name"]))


if __name__ == "__main__":
    sys.exit(main())
