"""`python -m tools.stack.demo`, which `make stack-demo` runs: the demo on real servers, each role its own process."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

from loadtest.demo.run import Options, run_demo
from tools.stack.command import INTERRUPTED, calm, refusal, say, signals_interrupt, wait_for_signal, work_folder
from tools.stack.process import Missing, ServerFailed
from tools.stack.stack import Stack
from tools.stack.system import StackSystem

EPILOG = """\
The same demo as `murmurd demo`, which needs one machine and no servers. Here Cassandra, Kafka and Memcached run on
loopback (see `python -m tools.stack --help` for what that needs), and users, graph, tweets, timeline, admin, relay,
fanout and gateway are a process each. The one that is killed is fanout. On two cores its times are those of servers
that wait for one another: they say nothing about several machines.

  python -m tools.stack.demo --quick       2,000 followers
  python -m tools.stack.demo --keep        goes on until Ctrl-C, to look around
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tools.stack.demo",
        description="The demo on Cassandra, Kafka and Memcached, each role a process of its own.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--cassandra", type=int, choices=(1, 3), default=1, help="how many nodes (default 1)")
    made.add_argument("--quick", action="store_true", help="only 2,000 followers")
    made.add_argument("--seed", type=int, help="repeats a run (default: random)")
    made.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    made.add_argument("--json", action="store_true", help="print the result as one JSON document")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    if lacks := refusal():
        print(lacks, file=sys.stderr)
        return 1
    signals_interrupt()
    try:
        with work_folder(None) as folder:
            stack = Stack(folder, options.cassandra, say=say)
            try:
                stack.start()
                return _show(options, stack)
            finally:
                calm()
                stack.stop(kill=True)
    except (Missing, ServerFailed) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _show(options: argparse.Namespace, stack: Stack) -> int:
    begun: list[StackSystem] = []

    def begin(settings: Mapping[str, str]) -> StackSystem:
        begun.append(StackSystem(stack, settings))
        return begun[-1]

    chosen = Options(seed=options.seed, keep=options.keep, as_json=options.json, quick=options.quick)
    status = run_demo(chosen, begin)
    try:
        if options.keep and status == 0:
            wait_for_signal()
    finally:
        calm()
        for system in begun:
            system.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
