"""Leases on worker numbers in a CQL keyspace: lightweight transactions on the rows of one partition."""

from __future__ import annotations

from murmuration_server.platform import leases
from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.failures import OutcomeUnknown
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Request, Statement
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.leases import WorkerLease

SCHEMA = Schema(
    "leases",
    [
        [
            """CREATE TABLE IF NOT EXISTS worker_leases (
                one int, worker int, owner text, until_ms bigint, nonce blob, PRIMARY KEY (one, worker)
            )"""
        ]
    ],
)

NONCE_BYTES = 8
"""Tells the caller's own attempt from another of the same owner, where an attempt got no answer."""
RENEWALS = 5

_ALL = Statement("SELECT worker, until_ms FROM worker_leases WHERE one = 0", serial=True)
_ONE = Statement("SELECT owner, until_ms, nonce FROM worker_leases WHERE one = 0 AND worker = ?", serial=True)
_TAKE_NEW = Statement(
    "INSERT INTO worker_leases (one, worker, owner, until_ms, nonce) VALUES (0, ?, ?, ?, ?) IF NOT EXISTS",
    conditional=True,
)
_TAKE_ENDED = Statement(
    "UPDATE worker_leases SET owner = ?, until_ms = ?, nonce = ? WHERE one = 0 AND worker = ? IF until_ms = ?",
    conditional=True,
)
_RENEW = Statement(
    "UPDATE worker_leases SET until_ms = ? WHERE one = 0 AND worker = ? IF owner = ? AND until_ms = ?",
    conditional=True,
)


class CqlLeaseStore:
    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def acquire(self, call: Call, owner: str, now_ms: int, until_ms: int) -> WorkerLease:
        nonce = call.runtime.token(NONCE_BYTES)
        while True:
            ends: dict[int, int] = dict(self._session.rows(call, _ALL))
            free = [worker for worker in range(leases.WORKERS) if ends.get(worker, -1) < now_ms]
            if not free:
                raise Unavailable("the id generator (all worker numbers are leased)")
            # Any of them: processes that start together do not all run for the lowest.
            worker = call.runtime.random.choice(free)
            end = ends.get(worker)
            attempt: Request = (_TAKE_NEW, (worker, owner, until_ms, nonce))
            if end is not None:
                attempt = (_TAKE_ENDED, (owner, until_ms, nonce, worker, end))
            row = self._session.claim(call, attempt, (_ONE, (worker,)))
            if row is None or row[2] == nonce:
                return WorkerLease(worker, owner, max(now_ms, (end or 0) + 1), until_ms)
            call.remaining()

    def renew(self, call: Call, lease: WorkerLease, until_ms: int) -> WorkerLease | None:
        for _ in range(RENEWALS):
            row = self._session.row(call, _ONE, lease.worker)
            if row is None or row[0] != lease.owner:
                return None
            if row[1] >= until_ms or self._extend(call, lease, row[1], until_ms):
                return WorkerLease(lease.worker, lease.owner, lease.from_ms, max(lease.until_ms, until_ms))
        raise Unavailable("the id generator (the lease of its worker number)")

    def close(self) -> None:
        """The session is the process's."""

    def _extend(self, call: Call, lease: WorkerLease, held_until_ms: int, until_ms: int) -> bool:
        try:
            return self._session.apply_if(call, _RENEW, until_ms, lease.worker, lease.owner, held_until_ms)
        except OutcomeUnknown:
            # The next look at the row tells.
            return False
