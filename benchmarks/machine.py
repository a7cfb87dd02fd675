"""What has to be known of a machine to compare figures, and which code was measured."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.stack import cassandra, kafka

CASSANDRA, KAFKA = cassandra.COORDINATES[0], kafka.COORDINATES[0]
STACK_CLIENTS = ("scylla-driver", "confluent-kafka", "pymemcache")
ROOT = Path(__file__).resolve().parents[1]


def facts() -> dict[str, Any]:
    """Now: the load average is that of the minute before."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _git("rev-parse", "--short=12", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else ""),
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(memory / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


def embedded_facts() -> dict[str, Any]:
    """And of what `murmurd up` stands on."""
    return {**facts(), "sqlite": sqlite3.sqlite_version}


def stack_facts() -> dict[str, Any]:
    """And of what the roles stand on: servers and their clients."""
    servers = {name: artifact.rpartition(":")[2] for name, artifact in (("cassandra", CASSANDRA), ("kafka", KAFKA))}
    return {**facts(), **servers, **{name: version(name) for name in STACK_CLIENTS}}


def _git(*arguments: str) -> str:
    """Empty where this is no checkout."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def cpu_seconds(pid: int) -> float:
    """User and system time that a process has used so far (proc(5), fields 14 and 15 of stat)."""
    return _seconds(Path(f"/proc/{pid}/stat").read_text())


def thread_cpu_seconds(pid: int, *prefixes: str) -> float:
    """The same of those of its threads that live, and whose names begin so."""
    spent = 0.0
    for file in Path(f"/proc/{pid}/task").glob("*/stat"):
        try:
            stat = file.read_text()
        except OSError:
            # It has ended in between.
            continue
        if stat.partition("(")[2].startswith(prefixes):
            spent += _seconds(stat)
    return spent


def _seconds(stat: str) -> float:
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid: int) -> tuple[int, int]:
    """(proportional set size, resident set size): in the first, pages that processes share are counted once."""
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        sizes[name] = int(rest.split()[0]) * 1024
    return sizes["Pss"], sizes["Rss"]
