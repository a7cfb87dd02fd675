"""The parts of the system, as data: what each serves, which topics it consumes, which stores it writes and reads.

Deployments, network rules and documents are derived from this table; what a part is made of stands in serving.py and
working.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """`calls`: services of other parts. `writes` and `reads`: stores."""

    name: str
    serves: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


PARTS = (
    Part(
        "users",
        serves=("UserService", "UserReadService", "UserImportService"),
        writes=("users", "leases"),
        reads=("log",),
    ),
    Part(
        "graph",
        serves=("GraphService", "GraphReadService", "GraphRepairService", "GraphAdminService"),
        calls=("UserReadService",),
        writes=("graph", "leases"),
        reads=("log",),
    ),
    Part(
        "tweets",
        serves=("TweetService", "TweetReadService", "TweetRepairService"),
        calls=("UserReadService", "GraphReadService"),
        writes=("tweets", "leases"),
        reads=("log",),
    ),
    Part(
        "timeline",
        serves=("TimelineService", "HomeStateService"),
        calls=("UserReadService", "GraphReadService", "TweetReadService"),
        writes=("timeline_state", "leases"),
        reads=("homes", "log", "tweets"),
    ),
    Part(
        "admin",
        serves=("AdminService",),
        calls=("UserReadService", "UserImportService", "GraphAdminService", "HomeStateService"),
        writes=("timeline_state",),
        reads=("log", "tweets"),
    ),
    Part(
        "relay",
        produces=("users", "tweets", "relations", "rebuilds"),
        writes=("log",),
        reads=("users", "graph", "tweets", "timeline_state"),
    ),
    Part(
        "fanout",
        calls=(
            "GraphReadService",
            "TweetReadService",
            "GraphRepairService",
            "TweetRepairService",
            "HomeStateService",
        ),
        consumes=("tweets", "relations", "rebuilds", "deliveries-small", "deliveries-large"),
        produces=("deliveries-small", "deliveries-large", "dead-letters"),
        writes=("homes", "log"),
        reads=("timeline_state",),
    ),
)

ROLES: dict[str, tuple[str, ...]] = {
    "serving": ("users", "graph", "tweets", "timeline", "admin"),
    "worker": ("relay", "fanout"),
}
"""What one process of each role holds, on the embedded default: each SQLite file has one writing process."""
