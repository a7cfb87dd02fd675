"""The states of cache nodes in a SQLite file, for several processes of one machine."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from murmuration_server.cache.cluster_state import ClusterState, decode
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import Database

_MIGRATIONS = [
    "CREATE TABLE cache_nodes (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, state TEXT NOT NULL)",
]


class SqliteNodeStateStore:
    """Several processes may write the file: changes are rare."""

    def __init__(self, path: Path | None, runtime: Runtime) -> None:
        self._db = Database(path, runtime, _MIGRATIONS)

    def read(self, call: Call) -> ClusterState | None:
        call.remaining()
        row = self._db.read(lambda connection: connection.execute("SELECT state FROM cache_nodes").fetchone())
        return decode(row[0]) if row else None

    def replace(self, call: Call, state: ClusterState) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute("SELECT version FROM cache_nodes").fetchone()
            if (row[0] if row else 0) != state.version - 1:
                return False
            connection.execute("INSERT OR REPLACE INTO cache_nodes VALUES (1, ?, ?)", (state.version, state.encode()))
            return True

        return self._db.write(call, work)

    def close(self) -> None:
        self._db.close()
