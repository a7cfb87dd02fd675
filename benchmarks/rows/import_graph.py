"""ImportGraph beside raw inserts of the same rows into the same tables.

System: `murmurd up`, and one ImportGraph call a round by the client library: 2,000 new accounts, then about 20,000
follows among them by the workload model's law, handle to handle. It checks, numbers, resolves, keeps versions and
counts, and puts events into outboxes; the worker publishes and takes up those events meanwhile. The time runs until the
call is answered: all is on disk then.

Raw: one process with a connection to each of two files on the same disk, with the same tables, indexes and pragmas,
inserts those very rows (accounts, handles, both directions of follows, counts, events) with executemany, in
transactions of as many accounts and follows as a message of the import has, each table's rows of a transaction in the
order in which the import writes them. Both sides hold the same rows before each
round and after it, but for events that the system drops when they are published.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.bench import Bench
from benchmarks.intervals import median_of
from benchmarks.machine import cpu_seconds
from benchmarks.results import Row
from benchmarks.system import Murmurd
from loadtest.graphs import synthetic
from murmuration_client.graph_import import FOLLOWS_IN_A_MESSAGE, USERS_IN_A_MESSAGE

NAMES = ("import-graph",)
USERS, MEAN_FOLLOWERS = 2_000, 10

Rows = Sequence[tuple[Any, ...]]

# What a round added, in the order in which the import wrote it; `?`: the greatest user id of the round before.
_NEW = {
    "users": {
        "users": "SELECT * FROM users WHERE user_id > ? ORDER BY user_id",
        "handles": "SELECT * FROM handles WHERE user_id > ? ORDER BY user_id",
    },
    "graph": {
        "following": "SELECT * FROM following WHERE user_id > ? ORDER BY user_id, followee_id",
        "followers": "SELECT * FROM followers WHERE user_id > ? ORDER BY follower_id, user_id",
        "follow_counts": "SELECT * FROM follow_counts WHERE user_id > ? ORDER BY user_id",
    },
}
_NEW_EVENTS = "SELECT * FROM outbox WHERE (bucket, position) > (?, ?) ORDER BY bucket, position"


def measure(bench: Bench) -> list[Row]:
    measured = []
    with bench.murmurd() as system:
        raw = {name: _RawFile(name, system.data, system.system.folder) for name in _NEW}
        try:
            _round(bench, system, raw, 0)  # warms up
            with bench.measuring(system):
                for number in range(1, bench.rounds + 1):
                    bench.say(f"round {number} of {bench.rounds}: the import, then raw inserts")
                    measured.append(_round(bench, system, raw, number))
        finally:
            for file in raw.values():
                file.close()
    imported = [one.lines / one.seconds for one in measured]
    inserted = [one.lines / one.raw_seconds for one in measured]
    ratios = [one / other for one, other in zip(imported, inserted, strict=True)]
    detail = {
        "imported_lines_per_second": median_of(imported).value,
        "raw_lines_per_second": median_of(inserted).value,
        "accounts_and_follows_a_round": median_of([one.lines for one in measured]).value,
        "serving_cpu_us_a_line": median_of([one.cpu_seconds / one.lines * 1e6 for one in measured]).value,
        "raw_cpu_us_a_line": median_of([one.raw_cpu_seconds / one.lines * 1e6 for one in measured]).value,
    }
    series = {"ImportGraph": imported, "raw inserts": inserted}
    return [Row("import-graph", median_of(ratios), len(ratios), detail, series)]


class _Round(NamedTuple):
    """`lines`: accounts and follows. `seconds` of the call; `cpu_seconds` of the serving process until its worker has
    taken up all events; and the same of the raw inserts."""

    lines: int
    seconds: float
    cpu_seconds: float
    raw_seconds: float
    raw_cpu_seconds: float


def _round(bench: Bench, system: Murmurd, raw: dict[str, _RawFile], number: int) -> _Round:
    """The raw side needs the rows that the system wrote, so it always comes second; what the worker still does of the
    import is awaited before."""
    graph = synthetic(bench.size(USERS, 100), MEAN_FOLLOWERS, seed=number)
    users = [(f"r{number}{handle}", name) for handle, name in graph.named_users()]
    follows = [(f"r{number}{follower}", f"r{number}{followee}") for follower, followee in graph.named_follows()]
    began, cpu = time.perf_counter(), cpu_seconds(system.serving_pid)
    system.client.admin.import_graph(users, follows)
    seconds = time.perf_counter() - began
    system.await_delivered()
    cpu = cpu_seconds(system.serving_pid) - cpu
    for file in raw.values():
        file.fetch()
    raw_cpu = time.process_time()
    inserting = raw["users"].insert(USERS_IN_A_MESSAGE) + raw["graph"].insert(FOLLOWS_IN_A_MESSAGE)
    return _Round(len(users) + len(follows), seconds, cpu, inserting, time.process_time() - raw_cpu)


class _RawFile:
    """A file with the tables of a store, and nothing but inserts."""

    def __init__(self, name: str, data: Path, folder: Path) -> None:
        self._queries = _NEW[name]
        self._real = data / f"{name}.sqlite"
        self._newest_user, self._newest_event = 0, (0, 0)
        self._rows: dict[str, Rows] = {}
        self._file = sqlite3.connect(folder / f"raw-{name}.sqlite", isolation_level=None)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = FULL")
        self._file.execute("PRAGMA cache_size = -16384")
        with closing(self._open_real()) as source:
            wanted = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
            for (statement,) in source.execute(wanted):
                self._file.execute(statement)

    def fetch(self) -> None:
        """Learns the rows that the last round added."""
        with closing(self._open_real()) as source:
            self._rows = {
                table: source.execute(query, (self._newest_user,)).fetchall() for table, query in self._queries.items()
            }
            self._rows["outbox"] = source.execute(_NEW_EVENTS, self._newest_event).fetchall()
        self._newest_user = max(row[0] for row in next(iter(self._rows.values())))
        self._newest_event = self._rows["outbox"][-1][:2]

    def insert(self, lines: int) -> float:
        """In transactions of `lines` rows of the first table, and of the others in proportion. Answers the seconds."""
        statements = {
            table: f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608 - our names
            for table, rows in self._rows.items()
        }
        transactions = [list(part) for part in self._transactions(lines)]
        began = time.perf_counter()
        for transaction in transactions:
            self._file.execute("BEGIN IMMEDIATE")
            for table, rows in transaction:
                self._file.executemany(statements[table], rows)
            self._file.execute("COMMIT")
        return time.perf_counter() - began

    def _transactions(self, lines: int) -> Iterator[Iterator[tuple[str, Rows]]]:
        """What each writes into which table."""
        count = -(-len(next(iter(self._rows.values()))) // lines)
        for number in range(count):
            yield (
                (table, self._in_order(table, rows[number * len(rows) // count : (number + 1) * len(rows) // count]))
                for table, rows in self._rows.items()
            )

    def _in_order(self, table: str, rows: Rows) -> Rows:
        """The import writes followers in the order of their table, and all else as it comes."""
        return sorted(rows) if table == "followers" else rows

    def close(self) -> None:
        self._file.close()

    def _open_real(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._real}?mode=ro", uri=True)
