"""Brings a keyspace's tables to what this version needs: numbered steps, once each, one runner at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql.failures import FAILURES, CqlUnusable, OutcomeUnknown, translate
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Statement
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime

LEASE_SECONDS = 60
"""A runner that died holds up the next for at most this long."""
STATEMENT_SECONDS = 45
"""Less than the lease, which is renewed before each statement."""
POLL_SECONDS = 0.5

_BOOTSTRAP = (
    "CREATE TABLE IF NOT EXISTS schema_steps (service text, number int, PRIMARY KEY (service, number))",
    "CREATE TABLE IF NOT EXISTS schema_lease (one int PRIMARY KEY, owner text)",
)
_DONE = Statement("SELECT service, number FROM schema_steps")
_MARK = Statement("INSERT INTO schema_steps (service, number) VALUES (?, ?)")
_TAKE = Statement(
    f"INSERT INTO schema_lease (one, owner) VALUES (1, ?) IF NOT EXISTS USING TTL {LEASE_SECONDS}", conditional=True
)
_HOLDER = Statement("SELECT owner FROM schema_lease WHERE one = 1", serial=True)
_RENEW = Statement(
    f"UPDATE schema_lease USING TTL {LEASE_SECONDS} SET owner = ? WHERE one = 1 IF owner = ?", conditional=True
)
_RELEASE = Statement("DELETE FROM schema_lease WHERE one = 1 IF owner = ?", conditional=True)


@dataclass(frozen=True, slots=True)
class Schema:
    """A service's tables: `steps` are run in order, numbered from 1; each is statements that may be run again.

    Steps that were released are never changed: what must change is a new step. A step only adds, so processes of older
    versions go on, and may start, on tables that have it. `least`: the number of the last step that took away, or
    changed, what older versions use; whoever does not know it must not run on these tables.
    """

    service: str
    steps: Sequence[Sequence[str]]
    least: int = 0


@dataclass(frozen=True, slots=True)
class Applied:
    """A step that this run has done."""

    service: str
    number: int


class MigrationBusy(CqlUnusable):
    """Somebody else migrates."""


def wait_for_database(settings: CqlSettings, runtime: Runtime, metrics: Metrics, call: Call) -> None:
    """Returns when a node answers. Raises `CqlUnusable` where none does until the call's deadline."""
    while True:
        try:
            CqlSession(settings, runtime, metrics, keyspace=False).close()
            return
        except CqlUnusable:
            if runtime.monotonic() + POLL_SECONDS >= call.deadline:
                raise
            runtime.sleep(POLL_SECONDS)


def migrate(
    settings: CqlSettings,
    runtime: Runtime,
    metrics: Metrics,
    call: Call,
    schemas: Sequence[Schema],
    *,
    wait: bool = False,
    on_step: Callable[[Applied], None] = lambda _applied: None,
) -> list[Applied]:
    """Makes the keyspace and its tables; answers what had to be done.

    `wait`: for a runner elsewhere; without it `MigrationBusy` is raised. Raises `CqlUnusable` too where a newer version
    has made the tables unfit for this one.
    """
    _make_keyspace(settings, runtime, metrics)
    session = CqlSession(settings, runtime, metrics)
    try:
        for statement in _BOOTSTRAP:
            _define(session, statement)
        return _Runner(session, call, on_step).run(schemas, wait=wait)
    finally:
        session.close()


def pending(session: CqlSession, call: Call, schemas: Sequence[Schema]) -> list[Applied]:
    """Steps that are not done. Raises `CqlUnusable` where a newer version has made the tables unfit for this one."""
    done: dict[str, set[int]] = {}
    for service, number in session.rows(call, _DONE):
        done.setdefault(service, set()).add(number)
    for schema in schemas:
        # `least` stands among the steps, as a negative number, the lowest of which counts.
        least = -min(done.get(schema.service, {0}))
        if least > len(schema.steps):
            raise CqlUnusable(
                f"The keyspace {session.settings.keyspace} was made by a newer version ({schema.service}: it wants "
                f"{least} steps known, this one knows {len(schema.steps)}). Use that version."
            )
    return [
        Applied(schema.service, number)
        for schema in schemas
        for number in range(1, len(schema.steps) + 1)
        if number not in done.get(schema.service, ())
    ]


class _Runner:
    def __init__(self, session: CqlSession, call: Call, on_step: Callable[[Applied], None]) -> None:
        self._session, self._call, self._on_step = session, call, on_step
        self._owner = session.runtime.token(8).hex()

    def run(self, schemas: Sequence[Schema], *, wait: bool) -> list[Applied]:
        if not pending(self._session, self._call, schemas):
            return []
        self._take_lease(wait=wait)
        try:
            # Looked at again under the lease: the holder before may have done it.
            return [self._step(schemas, applied) for applied in pending(self._session, self._call, schemas)]
        finally:
            self._release()

    def _step(self, schemas: Sequence[Schema], applied: Applied) -> Applied:
        [schema] = [schema for schema in schemas if schema.service == applied.service]
        if applied.number == schema.least:
            # First, so that nobody who must not see what it makes starts meanwhile.
            self._session.write(self._call, (_MARK, (schema.service, -schema.least)))
        for statement in schema.steps[applied.number - 1]:
            if not self._session.apply_if(self._call, _RENEW, self._owner, self._owner):
                raise MigrationBusy("Another migration has taken over, this one was too slow; run it again.")
            _define(self._session, statement)
        self._session.write(self._call, (_MARK, (applied.service, applied.number)))
        self._on_step(applied)
        return applied

    def _take_lease(self, *, wait: bool) -> None:
        while True:
            found = self._session.claim(self._call, (_TAKE, (self._owner,)), (_HOLDER, ()))
            if found is None or found[0] == self._owner:
                return
            if not wait:
                raise MigrationBusy("Another migration is under way; wait for it with --wait.")
            self._call.remaining()
            self._session.runtime.sleep(POLL_SECONDS)

    def _release(self) -> None:
        try:
            self._session.apply_if(self._call, _RELEASE, self._owner)
        except (MurmurationError, OutcomeUnknown):
            # It ends by itself.
            pass


def _make_keyspace(settings: CqlSettings, runtime: Runtime, metrics: Metrics) -> None:
    session = CqlSession(settings, runtime, metrics, keyspace=False)
    try:
        # On ScyllaDB the keyspace has tablets by default; its lightweight transactions want 2025.4 or newer there.
        _define(
            session,
            f"CREATE KEYSPACE IF NOT EXISTS {settings.keyspace} WITH replication = {{"
            f"'class': 'NetworkTopologyStrategy', '{settings.datacenter}': {settings.replication}}}",
        )
    finally:
        session.close()


def _define(session: CqlSession, statement: str) -> None:
    """Runs a statement of schema, and returns when all nodes have it: the driver waits for their agreement."""
    try:
        result = session.driver.execute(statement, timeout=STATEMENT_SECONDS)
    except FAILURES as error:
        raise translate(error, conditional=False) from error
    if not result.response_future.is_schema_agreed:
        raise CqlUnusable("The nodes do not agree on the schema: see that all of them are up, then run it again.")
