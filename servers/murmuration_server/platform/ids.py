"""64-bit ids: 41 bits of milliseconds, 10 of worker, 12 of sequence. The order of ids is the order of timelines."""

from __future__ import annotations

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.leases import LeaseStore, WorkerLease
from murmuration_server.platform.runtime import Runtime

EPOCH_MS = 1_704_067_200_000
"""2024-01-01T00:00:00Z; 41 bits of milliseconds from here last until 2093."""
WORKER_BITS = 10
SEQUENCE_BITS = 12
_SHIFT = WORKER_BITS + SEQUENCE_BITS
MAX_ID = 2**63 - 1
MAX_AHEAD_MS = 60_000


def time_ms(id_: int) -> int:
    """When an id was taken, in milliseconds since 1970-01-01T00:00:00Z."""
    return (id_ >> _SHIFT) + EPOCH_MS


def floor_id(ms: int) -> int:
    """The least id of a millisecond; 0 before the epoch."""
    return max(0, ms - EPOCH_MS) << _SHIFT


class IdGenerator:
    """Takes ids under a leased worker number. Whatever the clock does, no two are alike: an id's millisecond lies
    inside the lease, and the next lease of that worker number starts above its end. Ids of one generator grow, unless
    the clock is set back by more than a minute: then they go on from there under a lease of their own."""

    def __init__(self, runtime: Runtime, leases: LeaseStore, owner: str, lease_ms: int = 60_000) -> None:
        self._runtime, self._leases, self._owner, self._lease_ms = runtime, leases, owner, lease_ms
        self._lock = runtime.lock()
        self._lease: WorkerLease | None = None
        self._ms, self._sequence = 0, 0

    def next(self, call: Call, above: int = 0) -> int:
        """A new id, greater than `above` (an id read from the store: a reply stands above its parent).

        Raises `Unavailable` where the clock is more than a minute behind what the id must be, or no lease is to be had.
        """
        with self._lock:
            now = self._runtime.now_ms()
            least = time_ms(above) + 1 if above else EPOCH_MS
            if self._ms > now + MAX_AHEAD_MS:
                # The clock was set back. Another worker number, or a later lease of this one, keeps ids unique.
                self._lease, self._ms, self._sequence = None, 0, 0
            ms, sequence = self._after_last(max(now, least))
            if now < EPOCH_MS or ms > now + MAX_AHEAD_MS:
                raise Unavailable("the id generator (this machine's clock is behind)")
            lease = self._lease_for(call, ms)
            if lease.from_ms > ms:
                ms, sequence = lease.from_ms, 0
            # Only now, when nothing can fail any more: what is taken is never taken again.
            self._ms, self._sequence = ms, sequence
            return (ms - EPOCH_MS) << _SHIFT | lease.worker << SEQUENCE_BITS | sequence

    def _after_last(self, ms: int) -> tuple[int, int]:
        """The next millisecond and sequence from `ms` on that have not been taken."""
        if ms > self._ms:
            return ms, 0
        sequence = self._sequence + 1
        return (self._ms + 1, 0) if sequence >> SEQUENCE_BITS else (self._ms, sequence)

    def _lease_for(self, call: Call, ms: int) -> WorkerLease:
        lease = self._lease
        if lease is not None and lease.from_ms <= ms <= lease.until_ms:
            return lease
        until = ms + self._lease_ms
        renewed = self._leases.renew(call, lease, until) if lease is not None else None
        self._lease = renewed or self._leases.acquire(call, self._owner, ms, until)
        return self._lease
