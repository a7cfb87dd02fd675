"""`python -m benchmarks`: measures, prints a table, writes the rows into benchmarks/results."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import results, table
from benchmarks.bench import Bench
from benchmarks.failures import BenchFailed
from benchmarks.profile import FOLDER
from benchmarks.registry import EMBEDDED, STACK, SUITES, Suite
from benchmarks.rounds import LEAST
from loadtest.system import SystemFailed
from murmuration_client import MurmurationError
from tools.stack.command import refusal
from tools.stack.process import Missing, ServerFailed

COLUMNS = 100
FAILURES = (BenchFailed, SystemFailed, Missing, ServerFailed, MurmurationError, OSError)
"""Of one measurement. OSError: a connection of the load's that broke."""
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
  python -m benchmarks --stack                the roles on real Cassandra, Kafka and Memcached

{rows}
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EPILOG.format(rows="\n\n".join(map(_listed, ("", "--stack "), SUITES))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--stack", action="store_true", help="on real servers of this machine, each role a process")
    made.add_argument("--only", action="append", metavar="ROW", help="a row; may be given more than once")
    made.add_argument("--rounds", type=int, default=None, help=f"how many (default {LEAST}; 2 with --quick)")
    made.add_argument("--quick", action="store_true", help="small sizes, and nothing written")
    made.add_argument("--json", action="store_true", help="the rows as JSON instead of the table")
    made.add_argument("--out", type=Path, default=None, help="the file of rows, instead of the suite's own")
    made.add_argument("--profile", metavar="ROW", help=f"measure this row under py-spy; flame graphs in {FOLDER.name}/")
    made.add_argument("--quiet", action="store_true", help="no progress on stderr")
    return made


def _listed(option: str, suite: Suite) -> str:
    return textwrap.fill(
        f"{option}--only {', '.join(suite.names)}", COLUMNS, subsequent_indent="  ", break_on_hyphens=False
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = parser()
    options = parsed.parse_args(arguments)
    suite = STACK if options.stack else EMBEDDED
    names = [options.profile] if options.profile else options.only or []
    if unknown := set(names) - set(suite.names):
        parsed.error(f"there is no row {', '.join(sorted(unknown))} here; there are {', '.join(suite.names)}")
    if options.stack and (lacks := refusal()):
        print(lacks, file=sys.stderr)
        return 1
    # Figures under a profiler are not those of the system.
    out = options.out or (None if options.quick or options.profile else suite.file)
    began = time.monotonic()
    documents, failures = _measure(suite, names, options, out)
    print(json.dumps(documents, indent=1) if options.json else table.plain(documents))
    for failure in failures:
        print(f"benchmarks: {failure}", file=sys.stderr)
    print(f"{len(documents)} rows in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return 1 if failures else 0


def _measure(
    suite: Suite, names: Sequence[str], options: argparse.Namespace, out: Path | None
) -> tuple[list[dict[str, Any]], list[str]]:
    """The rows in the order of the goals; each is in the file as soon as it is measured. And what failed: that keeps
    no other row from being measured."""
    rounds = options.rounds or (2 if options.quick else LEAST)
    profiles = FOLDER / options.profile if options.profile else None
    documents: list[dict[str, Any]] = []
    failures: list[str] = []
    with Bench(rounds, quick=options.quick, quiet=options.quiet, profiles=profiles) as bench:
        for measurement in suite.chosen(names):
            bench.say(", ".join(measurement.NAMES))
            facts = suite.facts()
            if facts["load_average_before"] > facts["cores"] * BUSY:
                bench.say(f"load average {facts['load_average_before']}: others use this machine, and times show it")
            try:
                new = [row.document(facts) for row in measurement.measure(bench)]
            except FAILURES as error:
                failures.append(f"{', '.join(measurement.NAMES)}: {error}")
                continue
            documents += new
            if out is not None:
                results.merge(out, new)
    return results.in_order(documents), failures


if __name__ == "__main__":
    sys.exit(main())
