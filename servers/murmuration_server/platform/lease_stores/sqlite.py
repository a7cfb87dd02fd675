"""Leases on worker numbers in a SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from murmuration_server.platform import leases
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.leases import WorkerLease
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import Database

_MIGRATIONS = [
    "CREATE TABLE worker_leases (worker INTEGER PRIMARY KEY, owner TEXT NOT NULL, until_ms INTEGER NOT NULL)",
]


class SqliteLeaseStore:
    def __init__(self, path: Path | None, runtime: Runtime) -> None:
        self._db = Database(path, runtime, _MIGRATIONS)

    def acquire(self, call: Call, owner: str, now_ms: int, until_ms: int) -> WorkerLease:
        def work(connection: sqlite3.Connection) -> WorkerLease:
            taken = dict(connection.execute("SELECT worker, until_ms FROM worker_leases"))
            for worker in range(leases.WORKERS):
                end = taken.get(worker)
                if end is None or end < now_ms:
                    connection.execute(
                        "INSERT OR REPLACE INTO worker_leases VALUES (?, ?, ?)", (worker, owner, until_ms)
                    )
                    return WorkerLease(worker, owner, max(now_ms, (end or 0) + 1), until_ms)
            raise Unavailable("the id generator (all worker numbers are leased)")

        return self._db.write(call, work)

    def renew(self, call: Call, lease: WorkerLease, until_ms: int) -> WorkerLease | None:
        def work(connection: sqlite3.Connection) -> WorkerLease | None:
            changed = connection.execute(
                "UPDATE worker_leases SET until_ms = max(until_ms, ?) WHERE worker = ? AND owner = ?",
                (until_ms, lease.worker, lease.owner),
            ).rowcount
            if not changed:
                return None
            return WorkerLease(lease.worker, lease.owner, lease.from_ms, max(lease.until_ms, until_ms))

        return self._db.write(call, work)

    def close(self) -> None:
        self._db.close()
