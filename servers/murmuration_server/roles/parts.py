"""The parts of the system, as data: what each serves, which topics it consumes, which stores it writes and reads.

Deployments, network rules and documents are derived from this table; what a part is made of stands in serving.py and
working.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

PACKAGE = "murmuration"


@dataclass(frozen=True, slots=True)
class Part:
    """`serves`: to callers; `internal`: to other parts. `calls`: internal services. `writes` and `reads`: stores."""

    name: str
    serves: tuple[str, ...] = ()
    internal: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    produces: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()


PARTS = (
    Part(
        "users",
        serves=("UserService",),
        internal=("UserReadService", "UserImportService"),
        writes=("users", "leases"),
        reads=("log",),
    ),
    Part(
        "graph",
        serves=("GraphService",),
        internal=("GraphReadService", "GraphRepairService", "GraphAdminService"),
        calls=("UserReadService",),
        writes=("graph", "leases"),
        reads=("log",),
    ),
    Part(
        "tweets",
        serves=("TweetService",),
        internal=("TweetReadService", "TweetRepairService"),
        calls=("UserReadService", "GraphReadService"),
        writes=("tweets", "leases"),
        reads=("log",),
    ),
    Part(
        "timeline",
        serves=("TimelineService",),
        internal=("HomeStateService",),
        calls=("UserReadService", "GraphReadService", "TweetReadService"),
        writes=("timeline_state", "leases"),
        reads=("homes", "log", "tweets"),
    ),
    Part(
        "admin",
        serves=("AdminService",),
        calls=("UserReadService", "UserImportService", "GraphReadService", "GraphAdminService", "HomeStateService"),
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
        # What it reads of relations and posts it reads from the stores: it would be most of what graph and tweets do.
        calls=("GraphRepairService", "TweetRepairService", "HomeStateService"),
        consumes=("tweets", "relations", "rebuilds", "deliveries-small", "deliveries-large"),
        produces=("deliveries-small", "deliveries-large", "dead-letters"),
        writes=("homes", "log"),
        reads=("graph", "tweets", "timeline_state"),
    ),
)

SERVING = ("users", "graph", "tweets", "timeline", "admin")
WORKING = ("relay", "fanout")

EMBEDDED: Mapping[str, tuple[str, ...]] = {"serving": SERVING, "worker": WORKING}
"""What one process of each kind holds under `murmurd up`: each SQLite file has one writing process."""

GATEWAY, ALL = "gateway", "all"
ROLES: Mapping[str, tuple[str, ...]] = {
    **{part.name: (part.name,) for part in PARTS},
    GATEWAY: (),
    ALL: (*SERVING, *WORKING),
}
"""What one process of each role holds on the distributed engine, where any number of processes may have it. The gateway
hands callers' calls on to the parts that serve them."""


def internal_routes(ways: Mapping[str, T]) -> dict[str, T]:
    """From ways to parts, by name, to ways to their internal services, by full name."""
    return {
        f"{PACKAGE}.internal.v1.{service}": ways[part.name]
        for part in PARTS
        if part.name in ways
        for service in part.internal
    }


def callees(role: str) -> Iterator[str]:
    """The roles that processes of a role call, each once."""
    names = ROLES[role]
    called = {service for part in PARTS if part.name in names for service in part.calls}
    for part in PARTS:
        forwarded = role == GATEWAY and part.serves
        if part.name not in names and (forwarded or called.intersection(part.internal)):
            yield part.name
