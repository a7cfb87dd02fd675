"""The port of the one row that says which cache nodes may be used, and under which generation."""

from __future__ import annotations

from typing import Protocol

from murmuration_server.cache.cluster_state import ClusterState
from murmuration_server.platform.call import Call


class NodeStateStore(Protocol):
    """Linearizable: a read that begins after a `replace` was answered sees it or a later one, on any process."""

    def read(self, call: Call) -> ClusterState | None:
        """None where nobody has stored any. Raises `Unavailable`."""
        ...

    def replace(self, call: Call, state: ClusterState) -> bool:
        """Stores it if the version before it is the one that is there (none: for version 1); answers whether it did.

        Raises `Unavailable` where that is unknown: read again then.
        """
        ...
