"""How long `murmurd up` takes from the start of its process until both processes below it are ready, with an empty
folder; and how long a fresh Python takes to import the client library."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.bench import Bench
from benchmarks.intervals import median_of
from benchmarks.results import Row
from loadtest.system import System

NAMES = ("start", "client-import")
IMPORT = "import time; began = time.perf_counter(); import {0}; print(time.perf_counter() - began)"


def measure(bench: Bench) -> list[Row]:
    measured = bench.interleave(
        {
            "start to ready": _start,
            "import of the client": lambda: _import("murmuration_client"),
            "import of grpc alone": lambda: _import("grpc"),
        }
    )
    start, client, alone = measured.values()
    return [
        Row("start", median_of(start), len(start), {}, {"start": start}),
        Row(
            "client-import",
            median_of(client),
            len(client),
            {"grpc_alone_s": median_of(alone).value},
            {"client": client, "grpc": alone},
        ),
    ]


def _start() -> float:
    began = time.perf_counter()
    system = System({}, "bench")
    try:
        system.await_ready()
        return time.perf_counter() - began
    finally:
        system.stop()


def _import(module: str) -> float:
    """Seconds, in an interpreter that has imported nothing; its own start is not counted."""
    done = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, "-c", IMPORT.format(module)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
