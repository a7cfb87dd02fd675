"""Fan-out from the log to stored rows, beside raw batched SQLite inserts of the same rows.

System: `murmurd up`. The worker is held (SIGSTOP) while posts are made: some of an author with 28,459 followers, and
many of ordinary authors (50 followers in the mean). It is let go, and the time runs until no event waits: it reads the
events, publishes and plans them, reads followers, leaves out who is inactive, and writes the rows.

Raw: one process with one connection to a file of its own on the same disk, with the same table and pragmas, inserts
those very rows, in the order of their posts and followers, with executemany in transactions as large as fan-out's own
(a page of the large author's followers; for ordinary authors as many posts as a delivery takes at a time). Both tables
hold the same rows before each round and after it. The raw side reads nothing and decides nothing.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from benchmarks.bench import Bench
from benchmarks.intervals import median_of
from benchmarks.large_world import LargeWorld, build
from benchmarks.machine import cpu_seconds
from benchmarks.people import post_requests
from benchmarks.results import Row
from benchmarks.system import Murmurd
from murmuration_server.platform.config import Settings
from murmuration_server.timeline.fanout import FLUSH_ROWS

NAMES = ("fanout",)
LARGE_POSTS, ORDINARY_POSTS = 5, 1_500

HomeRow = tuple[int, int, int, int, int, int]


def measure(bench: Bench) -> list[Row]:
    with bench.murmurd() as system:
        world = build(bench, system)
        with closing(RawHomes(system.data / "homes.sqlite", system.system.folder / "raw.sqlite")) as raw:
            rng = bench.rng("posts")
            _round(bench, system, world, raw, rng)  # warms both sides up
            measured: list[_Round] = []
            with bench.measuring(system):
                for number in range(bench.rounds):
                    bench.say(f"round {number + 1} of {bench.rounds}: delivery, then raw inserts")
                    measured.append(_round(bench, system, world, raw, rng))
    delivered = [one.rows / one.seconds for one in measured]
    inserted = [one.rows / one.raw_seconds for one in measured]
    ratios = [one / other for one, other in zip(delivered, inserted, strict=True)]
    detail = {
        "delivered_rows_per_second": median_of(delivered).value,
        "raw_rows_per_second": median_of(inserted).value,
        "rows_a_round": measured[0].rows,
        "worker_cpu_us_a_row": median_of([one.cpu_seconds / one.rows * 1e6 for one in measured]).value,
        "raw_cpu_us_a_row": median_of([one.raw_cpu_seconds / one.rows * 1e6 for one in measured]).value,
    }
    return [Row("fanout", median_of(ratios), len(ratios), detail, {"delivery": delivered, "raw inserts": inserted})]


class _Round(NamedTuple):
    """What one round took: `seconds` of the system, `cpu_seconds` of its worker; and the same of the raw inserts."""

    rows: int
    seconds: float
    cpu_seconds: float
    raw_seconds: float
    raw_cpu_seconds: float


def _round(bench: Bench, system: Murmurd, world: LargeWorld, raw: RawHomes, rng: random.Random) -> _Round:
    """The raw side needs the rows that the system wrote, so it always comes second."""
    posts = post_requests(rng, [world.large] * bench.size(LARGE_POSTS, 2))
    posts += world.ordinary.posts(bench.size(ORDINARY_POSTS, 50))
    os.kill(system.worker_pid, signal.SIGSTOP)
    bench.generator.make_all(system.target, posts)
    began, cpu = time.perf_counter(), cpu_seconds(system.worker_pid)
    os.kill(system.worker_pid, signal.SIGCONT)
    seconds = system.await_delivered() - began
    cpu = cpu_seconds(system.worker_pid) - cpu
    rows = raw.fetch()
    raw_cpu = time.process_time()
    raw_seconds = raw.insert(rows, world.large)
    return _Round(len(rows), seconds, cpu, raw_seconds, time.process_time() - raw_cpu)


class RawHomes:
    """A file with the home table of another, and nothing but inserts."""

    def __init__(self, real: Path, path: Path) -> None:
        self._real = real
        self._newest = 0
        self._file = sqlite3.connect(path, isolation_level=None)
        with closing(self._open_real()) as source:
            (schema,) = source.execute("SELECT sql FROM sqlite_master WHERE name = 'home'").fetchone()
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute("PRAGMA cache_size = -16384")
        self._file.execute(schema)

    def fetch(self) -> list[HomeRow]:
        """Rows that are in the real table and not yet here, post by post, followers in order."""
        with closing(self._open_real()) as source:
            rows = source.execute(
                "SELECT * FROM home WHERE tweet_id > ? ORDER BY tweet_id, user_id", (self._newest,)
            ).fetchall()
        self._newest = max(row[1] for row in rows)
        return rows

    def insert(self, rows: Sequence[HomeRow], large_author: int) -> float:
        """Answers the seconds it took."""
        batches = list(_batches(rows, large_author))
        began = time.perf_counter()
        for batch in batches:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany("INSERT OR IGNORE INTO home VALUES (?, ?, ?, ?, ?, ?)", batch)
            self._file.execute("COMMIT")
        return time.perf_counter() - began

    def close(self) -> None:
        self._file.close()

    def _open_real(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._real}?mode=ro", uri=True)


def _batches(rows: Sequence[HomeRow], large_author: int) -> Iterator[Sequence[HomeRow]]:
    page = Settings.model_fields["fanout"].default.page_size
    for theirs, size in (
        ([row for row in rows if row[2] == large_author], page),
        ([row for row in rows if row[2] != large_author], FLUSH_ROWS),
    ):
        for start in range(0, len(theirs), size):
            yield theirs[start : start + size]
