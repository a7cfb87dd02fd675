"""Very many rows into one table, quickly: unlogged batches of rows that lie on the same nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator

from cassandra.query import BatchStatement, BatchType

from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Statement

EncodedRow = tuple[bytes, list[bytes]]
"""The partition key and all values, in the order of the statement's `?`, as they go over the wire."""


class RawBatches:
    """Batches of one statement whose partition key is one column. They are not atomic: each row stands for itself.

    Values come encoded: binding them one by one would take most of the time that a row takes.
    """

    def __init__(
        self, session: CqlSession, statement: Statement, replica_sets: Callable[[], Callable[[bytes], Hashable]]
    ) -> None:
        """`replica_sets`: answers what makes of a partition key something that is equal for keys with the same
        replicas."""
        self._session, self._statement, self._replica_sets = session, statement, replica_sets

    def of(self, rows: Iterable[EncodedRow], size: int) -> Iterator[BatchStatement]:
        """`size`: rows in a batch at most. A batch's rows have the same replicas, so its coordinator is one of them."""
        query_id = self._session.prepare(self._statement).query_id
        filling: defaultdict[object, list[EncodedRow]] = defaultdict(list)
        replica_set = self._replica_sets()
        for row in rows:
            where = replica_set(row[0])
            batch = filling[where]
            batch.append(row)
            if len(batch) >= size:
                yield self._batch(query_id, filling.pop(where))
        for batch in filling.values():
            yield self._batch(query_id, batch)

    def _batch(self, query_id: bytes, rows: list[EncodedRow]) -> BatchStatement:
        batch = BatchStatement(BatchType.UNLOGGED)
        batch.is_idempotent = True
        batch.keyspace, batch.routing_key = self._session.settings.keyspace, rows[0][0]
        batch._statements_and_parameters = [(True, query_id, values) for _, values in rows]
        return batch
