"""Leases on worker numbers, so that no two processes make ids alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from murmuration_server.platform.call import Call

WORKERS = 1 << 10


@dataclass(frozen=True, slots=True)
class WorkerLease:
    """The holder may make ids with this worker number for milliseconds in [from_ms, until_ms]."""

    worker: int
    owner: str
    from_ms: int
    until_ms: int


class LeaseStore(Protocol):
    """A worker number has one holder at a time, and successive leases of it never overlap."""

    def acquire(self, call: Call, owner: str, now_ms: int, until_ms: int) -> WorkerLease:
        """A lease of a number whose last lease has ended before `now_ms`; begins above that end.

        Raises `Unavailable` where all numbers are taken.
        """
        ...

    def renew(self, call: Call, lease: WorkerLease, until_ms: int) -> WorkerLease | None:
        """The same lease with a later end, or None where somebody else holds the number by now."""
        ...
