"""The one session a process has: prepared statements, deadlines, bounded requests in flight, errors of ours."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, ResponseFuture, Session
from cassandra.query import BatchStatement, BatchType, PreparedStatement

from murmuration_server.platform.call import Call, Priority
from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql.clock import DatabaseClock
from murmuration_server.platform.cql.failures import (
    DATABASE,
    FAILURES,
    CqlSilent,
    CqlUnusable,
    OutcomeUnknown,
    may_fall_back,
    translate,
)
from murmuration_server.platform.cql.policy import HURRIED, PATIENT, profiles, reconnection
from murmuration_server.platform.cql.statement import Request, Statement
from murmuration_server.platform.errors import DeadlineExceeded, Overloaded, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Queue, Runtime
from murmuration_server.platform.runtime.elastic_pool import waiting

PROTOCOL_VERSION = 4
"""The newest that Cassandra and ScyllaDB both speak."""
REQUESTS_AT_ONCE = 32
"""Of one call that reads or writes many rows."""
PERMIT_WAIT_SECONDS = 1.0
"""How long a request waits for others to end before it is refused."""
CONDITIONAL_TRIES = 8

Row = tuple[Any, ...]
_TABLE = re.compile(r"\b(FROM|INTO|UPDATE)\s+(\w+)\b(?!\.)")


class CqlSession:
    """Safe for all threads of one process; never carried over a fork."""

    def __init__(self, settings: CqlSettings, runtime: Runtime, metrics: Metrics, *, keyspace: bool = True) -> None:
        """Connects. `keyspace` False: to no keyspace, for whoever makes it. Raises `CqlUnusable`."""
        self.settings, self.runtime, self._metrics = settings, runtime, metrics
        self.clock = DatabaseClock(runtime)
        self._cluster = _cluster(settings)
        try:
            self._session = self._connect(keyspace=keyspace)
        except BaseException:
            self._cluster.shutdown()
            raise
        self._prepared: dict[Statement, PreparedStatement] = {}
        self._lock = runtime.lock()
        self._permits: Queue[bool] = runtime.queue(settings.max_in_flight)
        for _ in range(settings.max_in_flight):
            self._permits.put(True)

    @property
    def driver(self) -> Session:
        """For placement and benchmarks."""
        return self._session

    def close(self) -> None:
        self._cluster.shutdown()

    # Reads

    def rows(self, call: Call, statement: Statement, *values: object) -> list[Row]:
        return self.rows_of_each(call, [(statement, values)])[0]

    def row(self, call: Call, statement: Statement, *values: object) -> Row | None:
        """The first row, where there is one."""
        found = self.rows(call, statement, *values)
        return found[0] if found else None

    def rows_of_each(self, call: Call, requests: Sequence[Request]) -> list[list[Row]]:
        """The rows that each request finds, in the order of the requests, which run beside one another."""
        return self._each(call, "read", (self._sender(call, statement, values) for statement, values in requests))

    # Writes

    def write(self, call: Call, *requests: Request) -> None:
        """All of the requests, beside one another: when it fails, some may have been done."""
        self._each(call, "write", (self._sender(call, statement, values) for statement, values in requests))

    def write_together(self, call: Call, requests: Sequence[Request], *, logged: bool = True) -> None:
        """All of the requests or none, sooner or later; others may see some of them before the rest.

        When it returns, all are there. `logged` False: for requests of one partition, which are one write there.
        """
        if requests:
            batch = self.batch(requests, logged=logged)
            self.send(call, "batch", [batch])

    def batch(self, requests: Iterable[Request], *, logged: bool) -> BatchStatement:
        batch = BatchStatement(BatchType.LOGGED if logged else BatchType.UNLOGGED)
        for statement, values in requests:
            batch.add(self.prepare(statement), values)
        batch.is_idempotent = True
        return batch

    def send(self, call: Call, kind: str, batches: Iterable[BatchStatement], at_once: int = REQUESTS_AT_ONCE) -> None:
        """Batches beside one another, each of its own."""
        senders = ((lambda batch=batch: self._send(call, batch), False, None) for batch in batches)
        self._each(call, kind, senders, at_once)

    def apply_if(self, call: Call, statement: Statement, *values: object) -> bool:
        """A conditional write. Raises `OutcomeUnknown` where no answer came."""
        found = self._each(call, "conditional", [self._sender(call, statement, values)])[0]
        return bool(found[0][0])

    def claim(self, call: Call, attempt: Request, look: Request) -> Row | None:
        """Tries a conditional write until it is known how it ended.

        None where it was applied; else the row that `look`, a serial read, finds: it may be the caller's own, where an
        attempt got no answer. Raises `Unavailable` where that stays unknown.
        """
        for _ in range(CONDITIONAL_TRIES):
            try:
                if self.apply_if(call, attempt[0], *attempt[1]):
                    return None
            except OutcomeUnknown:
                pass
            found = self.row(call, look[0], *look[1])
            if found is not None:
                return found
        raise Unavailable(f"{DATABASE} (others change the same row)")

    def _connect(self, *, keyspace: bool) -> Session:
        name, where = self.settings.keyspace, f"{', '.join(self.settings.contact_points)}, port {self.settings.port}"
        try:
            session = self._cluster.connect()
            self.clock.begin(session)
            if keyspace and name in self._cluster.metadata.keyspaces:
                session.set_keyspace(name)
        except FAILURES as error:
            raise CqlSilent(
                f"No node of the database answers at {where}: check cql.contact_points, cql.port and cql.datacenter."
            ) from error
        if keyspace and name not in self._cluster.metadata.keyspaces:
            raise CqlUnusable(f"The database at {where} has no keyspace {name}; make it with `murmurd migrate`.")
        return session

    def prepare(self, statement: Statement) -> PreparedStatement:
        prepared = self._prepared.get(statement)
        if prepared is None:
            with self._lock:
                prepared = self._prepared.get(statement) or self._prepare(statement)
                self._prepared[statement] = prepared
        return prepared

    def _prepare(self, statement: Statement) -> PreparedStatement:
        try:
            prepared = self._session.prepare(_qualified(statement.text, self.settings.keyspace))
        except FAILURES as error:
            raise translate(error, conditional=False) from error
        prepared.is_idempotent = not statement.conditional
        if statement.serial:
            prepared.consistency_level = ConsistencyLevel.LOCAL_SERIAL
        return prepared

    # One request

    def _sender(self, call: Call, statement: Statement, values: Sequence[object]) -> _Sender:
        bound = self.prepare(statement).bind(values)

        def again() -> ResponseFuture:
            bound.consistency_level = ConsistencyLevel.LOCAL_ONE
            self._metrics.cql_fallbacks.inc()
            return self._send(call, bound)

        return (
            (lambda: self._send(call, bound)),
            statement.conditional,
            again if statement.falls_back and call.may_fall_back else None,
        )

    def _send(self, call: Call, query: Any) -> ResponseFuture:
        limit = min(call.remaining(), self.settings.request_timeout_ms / 1000)
        hurried = HURRIED if call.priority is Priority.NORMAL else PATIENT
        return self._session.execute_async(query, timeout=limit, execution_profile=hurried)

    def _each(
        self, call: Call, kind: str, senders: Iterable[_Sender], at_once: int = REQUESTS_AT_ONCE
    ) -> list[list[Row]]:
        """Sends them, at most `at_once` at a time, and gathers the answers in order.

        Whoever waits for a permit holds none: of those that others hold one comes back.
        """
        with waiting():
            return self._sent(call, kind, senders, at_once)

    def _sent(self, call: Call, kind: str, senders: Iterable[_Sender], at_once: int) -> list[list[Row]]:
        began = self.runtime.monotonic()
        under_way: deque[tuple[ResponseFuture, _Sender]] = deque()
        answers: list[list[Row]] = []
        try:
            for sender in senders:
                while len(under_way) >= at_once or not self._take_permit(call, wait=not under_way):
                    answers.append(self._answer(call, kind, *under_way.popleft()))
                try:
                    under_way.append((sender[0](), sender))
                except BaseException:
                    self._permits.put(True)
                    raise
            while under_way:
                answers.append(self._answer(call, kind, *under_way.popleft()))
        finally:
            # Where one failed, nobody waits for the others: the driver ends them in time.
            for _ in under_way:
                self._permits.put(True)
        self._metrics.cql_seconds.labels(kind).observe(self.runtime.monotonic() - began)
        return answers

    def _take_permit(self, call: Call, *, wait: bool) -> bool:
        if not wait:
            return self._permits.get(0) is not None
        if self._permits.get(min(call.remaining(), PERMIT_WAIT_SECONDS)) is None:
            call.remaining()
            raise Overloaded(DATABASE)
        return True

    def _answer(self, call: Call, kind: str, future: ResponseFuture, sender: _Sender) -> list[Row]:
        _, conditional, again = sender
        try:
            try:
                return _all_rows(call, future)
            except FAILURES as error:
                if again is None or not may_fall_back(error):
                    raise
                return _all_rows(call, again())
        except FAILURES as error:
            self._metrics.cql_failures.labels(kind).inc()
            if call.runtime.monotonic() >= call.deadline:
                raise DeadlineExceeded from error
            raise translate(error, conditional=conditional) from error
        finally:
            self._permits.put(True)


_Sender = tuple[Callable[[], ResponseFuture], bool, Callable[[], ResponseFuture] | None]
"""What sends a request; whether it is conditional; what sends it to fewer replicas, where that is allowed."""


def _qualified(text: str, keyspace: str) -> str:
    """With the keyspace in front of the table: Cassandra warns of each prepared statement that leaves it out.
    A table that has another in front keeps that."""
    return _TABLE.sub(rf"\1 {keyspace}.\2", text)


def _all_rows(call: Call, future: ResponseFuture) -> list[Row]:
    found = future.result()
    rows = list(found.current_rows or ())
    while found.has_more_pages:
        call.remaining()
        found.fetch_next_page()
        rows += found.current_rows
    return rows


def _cluster(settings: CqlSettings) -> Cluster:
    try:
        from cassandra.io.libevreactor import LibevConnection
    except ImportError as error:
        raise CqlUnusable(
            f"The CQL driver lacks its libev reactor ({error}); install scylla-driver from a wheel, or libev first."
        ) from error
    return Cluster(
        contact_points=list(settings.contact_points),
        port=settings.port,
        protocol_version=PROTOCOL_VERSION,
        connection_class=LibevConnection,
        auth_provider=_credentials(settings),
        connect_timeout=settings.connect_timeout_ms / 1000,
        control_connection_timeout=settings.connect_timeout_ms / 1000,
        reconnection_policy=reconnection(),
        execution_profiles=profiles(settings),
    )


def _credentials(settings: CqlSettings) -> PlainTextAuthProvider | None:
    if not settings.username:
        return None
    return PlainTextAuthProvider(settings.username, settings.password.get_secret_value())
