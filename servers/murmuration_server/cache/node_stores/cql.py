"""The states of cache nodes in a CQL keyspace: one row, changed by lightweight transactions, read at a quorum.

A change is answered when a quorum has it, so whoever reads a quorum afterwards sees it. One whose answer was lost may
not be seen yet; the next change, which is conditional, finishes or undoes it first. Serial reads would see it at once,
and make every process of the system take turns at one row.
"""

from __future__ import annotations

from murmuration_server.cache.cluster_state import ClusterState, decode
from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Statement

SCHEMA = Schema(
    "cache",
    [["CREATE TABLE IF NOT EXISTS cache_nodes (one int PRIMARY KEY, version bigint, state text)"]],
)

_READ = Statement("SELECT state FROM cache_nodes WHERE one = 1")
_FIRST = Statement("INSERT INTO cache_nodes (one, version, state) VALUES (1, ?, ?) IF NOT EXISTS", conditional=True)
_NEXT = Statement("UPDATE cache_nodes SET version = ?, state = ? WHERE one = 1 IF version = ?", conditional=True)


class CqlNodeStateStore:
    """A change whose outcome is unknown is `Unavailable`, as the port has it."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def read(self, call: Call) -> ClusterState | None:
        row = self._session.row(call, _READ)
        return decode(row[0]) if row else None

    def replace(self, call: Call, state: ClusterState) -> bool:
        if state.version == 1:
            return self._session.apply_if(call, _FIRST, state.version, state.encode())
        return self._session.apply_if(call, _NEXT, state.version, state.encode(), state.version - 1)

    def close(self) -> None:
        """The session is the process's."""
