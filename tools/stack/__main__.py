"""`python -m tools.stack`, which `make stack` runs: Cassandra, Kafka and Memcached on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tools.stack.command import INTERRUPTED, calm, refusal, say, signals_interrupt, work_folder
from tools.stack.process import Missing, ServerFailed, ServerProcess
from tools.stack.roles import Roles
from tools.stack.stack import Stack

LOOK_SECONDS = 1.0
EPILOG = """\
Everything listens on loopback addresses only, on free ports; murmurd.toml in the folder names them. Processes that are
killed with kill -9 take their servers with them. To use it, with the file that is printed:

  .venv/bin/murmurd serve --role all --config FILE --port 7700    the whole system in one process
  .venv/bin/murmurd serve --role timeline --config FILE           one role; [peers] in the settings say where others are

  python -m tools.stack                        servers alone; data in a temporary folder, removed at the end
  python -m tools.stack --roles                and one process of each role, with a gateway for callers
  python -m tools.stack --data FOLDER          keeps the data; the next start of the folder goes on with them
  python -m tools.stack --cassandra 3          three nodes that each hold everything; takes a minute more
  python -m tools.stack --for 60 --json        ends by itself; one JSON document when all is ready

Needs Java 17 and Maven, which fetches Cassandra and Kafka once (MURMURATION_CACHE says where to; by default below
~/.cache), Memcached and setpriv; what is missing is named with the command that brings it.
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m tools.stack",
        description="Starts real Cassandra, Kafka and Memcached servers on this machine, makes the tables, and stays "
        "until Ctrl-C or SIGTERM. Then all of it is stopped.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--cassandra", type=int, choices=(1, 3), default=1, help="how many nodes (default 1)")
    made.add_argument("--data", type=Path, metavar="FOLDER", help="keep data, logs and configuration here")
    made.add_argument("--for", type=_seconds, metavar="SECONDS", dest="seconds", help="end so long after all is ready")
    made.add_argument("--roles", action="store_true", help="start one process of each role too")
    made.add_argument("--durable", action="store_true", help="Cassandra answers writes once they are on disk")
    made.add_argument("--no-migrate", action="store_false", dest="migrate", help="leave the tables to you")
    made.add_argument("--json", action="store_true", help="one JSON document on stdout when all is ready")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    parsed = parser()
    options = parsed.parse_args(arguments)
    if options.roles and not options.migrate:
        parsed.error("--roles needs the tables: leave --no-migrate out")
    if lacks := refusal():
        print(lacks, file=sys.stderr)
        return 1
    signals_interrupt()
    try:
        with work_folder(options.data) as folder:
            return _run(options, folder)
    except (Missing, ServerFailed) as error:
        print(f"stack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(options: argparse.Namespace, folder: Path) -> int:
    began = time.monotonic()
    stack = Stack(folder, options.cassandra, durable=options.durable, say=say)
    roles = Roles(stack.config, folder / "roles") if options.roles else None
    try:
        stack.start(migrate=options.migrate)
        if roles is not None:
            say("Starting one process of each role.")
            roles.start()
        seconds = time.monotonic() - began
        try:
            told = _document(options, stack, roles, seconds) if options.json else _told(options, stack, roles, seconds)
            print(told, flush=True)
            _stay([*(server.process for server in stack.servers), *(roles or ())], options.seconds)
        except KeyboardInterrupt:
            pass  # what it waits for
        return 0
    finally:
        calm()
        say("Stopping everything.")
        for name, status in (roles.stop() if roles else {}).items():
            if status:
                say(f"{name} ended with status {status}.")
        stack.stop(kill=options.data is None)


def _stay(processes: Sequence[ServerProcess], seconds: float | None) -> None:
    """Until a signal interrupts, or for so long. Whoever ends before is named: somebody may want to go on without."""
    deadline = None if seconds is None else time.monotonic() + seconds
    told, idle = set[str](), threading.Event()
    while deadline is None or time.monotonic() < deadline:
        for process in processes:
            if not process.running and process.name not in told:
                told.add(process.name)
                say(f"{process.name} has ended (status {process.status}); the others go on. {process.log}")
        idle.wait(LOOK_SECONDS if deadline is None else max(0.0, min(LOOK_SECONDS, deadline - time.monotonic())))


def _document(options: argparse.Namespace, stack: Stack, roles: Roles | None, seconds: float) -> str:
    return json.dumps(
        {
            "event": "ready",
            "seconds": round(seconds, 1),
            "folder": str(stack.folder),
            "kept": options.data is not None,
            "config": str(stack.config),
            "migrated": options.migrate,
            "servers": [
                {
                    "name": server.process.name,
                    "address": server.clients,
                    "pid": server.process.pid,
                    "memory_mib": server.memory_mib,
                    "log": str(server.process.log),
                }
                for server in stack.servers
            ],
            "target": None if roles is None else roles.target,
            "roles": [
                {"name": role.name, "pid": role.pid, "metrics": role.metrics_url, "log": str(role.log)}
                for role in roles or ()
            ],
        },
        indent=2,
    )


def _told(options: argparse.Namespace, stack: Stack, roles: Roles | None, seconds: float) -> str:
    lines = [f"Ready after {seconds:.0f} s. Memory is what a server's settings allow; Java takes some more for itself."]
    lines.append(f"  {'server':<21} {'address':<18} {'process':>9} {'memory':>10}")
    lines += [
        f"  {server.process.name:<21} {server.clients:<18} {server.process.pid:>9} {server.memory_mib:>6} MiB"
        for server in stack.servers
    ]
    lines += [f"Logs, data: {stack.folder}{' (kept)' if options.data else ' (removed at the end)'}"]
    lines += [f"Configuration for murmurd: {stack.config}", ""]
    if roles is None:
        lines += ["In another terminal:", f"  .venv/bin/murmurd serve --role all --config {stack.config} --port 7700"]
        lines += ["  .venv/bin/murmur --target 127.0.0.1:7700 user create alice"]
    else:
        lines += [f"The gateway serves on {roles.target}. In another terminal:"]
        lines += [f"  .venv/bin/murmur --target {roles.target} user create alice"]
    lines += ["", "Ctrl-C stops everything."]
    return "\n".join(lines)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError("more than 0")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
