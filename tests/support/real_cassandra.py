"""A real Cassandra node for tests marked `stack`: started when the first test asks, ended with the run."""

from __future__ import annotations

import atexit
import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql.migrate import Schema, migrate
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from tools.stack.cassandra import DATACENTER, Node, one_node

MIGRATE_SECONDS = 120.0
HIDES_TOMBSTONES = {"user_tweets", "pull_tweets", "responses"}
"""What is deleted from these would hide what the next test writes under the same ids; they look empty all the same."""


@functools.cache
def cassandra_node() -> Node:
    """Shared by all tests of this process."""
    folder = tempfile.TemporaryDirectory(prefix="murmuration-cassandra-")
    server, node = one_node(Path(folder.name))
    server.start()

    def end() -> None:
        server.kill()
        folder.cleanup()

    atexit.register(end)
    return node


def cql_settings(**changes: object) -> CqlSettings:
    """Of the node, with one copy of everything."""
    node = cassandra_node()
    common: dict[str, object] = {
        "contact_points": (node.host,),
        "port": node.port,
        "datacenter": DATACENTER,
        "replication": 1,
    }
    return CqlSettings.model_validate(common | changes)


@functools.cache
def cql_session() -> CqlSession:
    """One for all tests of this process, as a process has one. Its keyspace has all tables."""
    from murmuration_server.roles.cql import SCHEMAS

    settings, runtime, metrics = cql_settings(), ThreadRuntime(), Metrics()
    migrate(settings, runtime, metrics, Call.background(runtime, MIGRATE_SECONDS), SCHEMAS)
    session = CqlSession(settings, runtime, metrics)
    atexit.register(session.close)
    return session


def empty(schemas: Sequence[Schema]) -> CqlSession:
    """The session, with nothing in the tables of these schemas.

    Truncated where something is in them: deleting would leave tombstones in front of the early times that tests take.
    """
    session = cql_session()
    for table in _tables(schemas):
        if table in HIDES_TOMBSTONES or session.driver.execute(f"SELECT * FROM {table} LIMIT 1").one() is not None:
            session.driver.execute(f"TRUNCATE {table}")
    return session


def lose(table: str, **key: object) -> None:
    """Takes the rows that have these columns away, as if they had never been written.

    A tombstone would stand in front of their being written again, so the table is emptied and the others put back.
    """
    session = cql_session()
    columns = session.driver.cluster.metadata.keyspaces[session.settings.keyspace].tables[table]
    names = list(columns.columns)
    keys = {column.name for column in columns.primary_key}
    witness = next(name for name in names if name not in keys)
    rows = list(session.driver.execute(f"SELECT {', '.join(names)}, writetime({witness}) FROM {table}"))
    session.driver.execute(f"TRUNCATE {table}")
    places = ", ".join(["%s"] * len(names))
    for *values, written in rows:
        if not all(values[names.index(name)] == value for name, value in key.items()):
            session.driver.execute(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}) USING TIMESTAMP {written}", values
            )


def _tables(schemas: Sequence[Schema]) -> list[str]:
    words = [statement.split() for schema in schemas for step in schema.steps for statement in step]
    return [statement[5] for statement in words if statement[:2] == ["CREATE", "TABLE"]]
