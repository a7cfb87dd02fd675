"""Rows of homes written by scylla-driver and nothing else: what the node and the driver can do at most."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from struct import Struct
from typing import NamedTuple

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, ResponseFuture
from cassandra.io.libevreactor import LibevConnection
from cassandra.policies import RoundRobinPolicy
from cassandra.query import BatchStatement, BatchType, ConsistencyLevel

from benchmarks.failures import BenchFailed
from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql.failures import FAILURES
from murmuration_server.platform.cql.session import PROTOCOL_VERSION

INSERT = """INSERT INTO {keyspace}.home (user_id, tweet_id, author_id, subject_id, subject_author_id, flags)
            VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"""
TTL_SECONDS = 31 * 86_400
WAIT_SECONDS = 30.0

_LONG, _INT, _BYTE = Struct(">q").pack, Struct(">i").pack, Struct(">b").pack

HomeRow = tuple[int, int, int, int, int, int]
"""user, post, author, subject, subject's author, flags."""


class Shape(NamedTuple):
    """Unlogged batches of so many rows, so many of them under way."""

    rows: int
    in_flight: int

    def __str__(self) -> str:
        return f"{self.rows}x{self.in_flight}"


class RawCql:
    """One session with one node. Batches are made as cheaply as the driver allows: values are packed here, and not
    bound one by one. Close it."""

    def __init__(self, host: str, port: int, settings: CqlSettings) -> None:
        level = getattr(ConsistencyLevel, settings.consistency)
        profile = ExecutionProfile(RoundRobinPolicy(), consistency_level=level, request_timeout=WAIT_SECONDS)
        self._cluster = Cluster(
            [host],
            port=port,
            protocol_version=PROTOCOL_VERSION,
            connection_class=LibevConnection,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
        self._session = self._cluster.connect()
        self._insert = self._session.prepare(INSERT.format(keyspace=settings.keyspace))

    def batched(self, rows: Sequence[HomeRow], shape: Shape) -> float:
        """Rows a second. Raises BenchFailed."""
        under_way: deque[ResponseFuture] = deque()
        began = time.perf_counter()
        with _refused():
            for batch in self._batches(rows, shape.rows):
                if len(under_way) == shape.in_flight:
                    under_way.popleft().result()
                under_way.append(self._session.execute_async(batch))
            for future in under_way:
                future.result()
        return len(rows) / (time.perf_counter() - began)

    def one_by_one(self, rows: Sequence[HomeRow]) -> float:
        """Rows a second: each after the answer to the one before. Raises BenchFailed."""
        began = time.perf_counter()
        with _refused():
            for row in rows:
                self._session.execute(self._insert, (*row, TTL_SECONDS))
        return len(rows) / (time.perf_counter() - began)

    def close(self) -> None:
        self._cluster.shutdown()

    def _batches(self, rows: Sequence[HomeRow], size: int) -> Iterator[BatchStatement]:
        encoded, query_id, ttl = map(_encoded, rows), self._insert.query_id, _INT(TTL_SECONDS)
        while part := list(islice(encoded, size)):
            batch = BatchStatement(BatchType.UNLOGGED)
            batch._statements_and_parameters = [(True, query_id, [*values, ttl]) for values in part]
            yield batch


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise BenchFailed(f"The database did not take raw rows: {error}") from error


def _encoded(row: HomeRow) -> list[bytes]:
    *numbers, flags = row
    return [*map(_LONG, numbers), _BYTE(flags)]
