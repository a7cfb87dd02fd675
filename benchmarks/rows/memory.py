"""Memory of all processes after the demo, and bytes of a cached timeline entry.

Memory: `murmurd demo --keep` runs in full (28,459 followers, 100,600 follows, its posts, its crash). When it has ended
and its system still stands, the proportional set sizes of that system's processes (supervisor, serving, worker) are
added up: pages that they share count once. The demo takes a minute, so it runs once, and the interval is that of one
value.

A cached entry: an author's 800 recent posts as the cache keeps them, divided by 800.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.failures import TookTooLong
from benchmarks.intervals import Estimate
from benchmarks.machine import memory_bytes
from benchmarks.results import Row
from murmuration_server.tweets.candidate import Candidate, TweetKind, encode_many, make_flags
from murmuration_server.tweets.client import Mode

NAMES = ("memory", "cached-entry")
ENTRIES = 800
LOOK_SECONDS = 0.2
STOP_SECONDS = 30.0
MEGABYTE = 1e6


def measure(bench: Bench) -> list[Row]:
    return [_memory(bench), _cached_entry()]


def _memory(bench: Bench) -> Row:
    command = [sys.executable, "-m", "murmuration_server", "demo", "--keep", "--json", "--seed", "1"]
    if bench.quick:
        command.append("--quick")
    bench.say("the demo")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:  # noqa: S603
        supervisor = 0
        while demo.poll() is None:
            supervisor = next(iter(children(demo.pid)), supervisor)
            time.sleep(LOOK_SECONDS)
    if demo.returncode != 0:
        raise TookTooLong(f"The demo ended with status {demo.returncode}; run `make demo` to see why.")
    try:
        sizes = {pid: memory_bytes(pid) for pid in (supervisor, *children(supervisor))}
    finally:
        _stop(supervisor)
    shared_once, resident = (sum(size[kind] for size in sizes.values()) / MEGABYTE for kind in (0, 1))
    detail = {"processes": len(sizes), "sum_of_resident_sizes_MB": resident}
    return Row("memory", Estimate(shared_once, shared_once, shared_once, 0.0), 1, detail)


def _cached_entry() -> Row:
    author = 1 << 40
    flags = make_flags(TweetKind.POST, Mode.PUSH)
    entries = [Candidate(author + number, author, 0, 0, flags) for number in range(ENTRIES)]
    each = len(encode_many(entries)) / ENTRIES
    return Row("cached-entry", Estimate(each, each, each, 1.0), 1, {"entries": ENTRIES})


def children(pid: int) -> list[int]:
    """Processes that this one started and that live."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _stop(supervisor: int) -> None:
    """Ends the system that the demo left, and removes its folder."""
    words = Path(f"/proc/{supervisor}/cmdline").read_bytes().decode().split("\0")
    data = Path(words[words.index("--data") + 1])
    os.kill(supervisor, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while Path(f"/proc/{supervisor}/cmdline").exists() and Path(f"/proc/{supervisor}/cmdline").read_bytes():
        if time.monotonic() > deadline:
            raise TookTooLong(f"The demo's system, process {supervisor}, does not stop.")
        time.sleep(LOOK_SECONDS)
    shutil.rmtree(data.parent, ignore_errors=True)
