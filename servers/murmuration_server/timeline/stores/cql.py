"""Homes and their state in a CQL keyspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from struct import Struct

from murmuration_server.eventlog.cql_outbox import CqlOutbox
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS
from murmuration_server.platform.cql.batches import RawBatches
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Request, Statement
from murmuration_server.platform.ids import time_ms
from murmuration_server.sharding.cql_ring import ReplicaSets
from murmuration_server.sharding.user_tables import UserTable
from murmuration_server.timeline.store import INCOMPLETE, HomeState, Progress
from murmuration_server.tweets.client import Candidate

_WINDOW_DAYS = 3
"""A home's rows end after 30 days or so: about ten windows, each dropped whole when its last row ends."""

SCHEMA = Schema(
    "timeline",
    [
        [
            # Rows end by themselves and are never deleted or changed. Expired ones need no grace: there is nothing
            # that a replica which missed them could bring back.
            f"""CREATE TABLE IF NOT EXISTS home (
                user_id bigint, tweet_id bigint, author_id bigint, subject_id bigint, subject_author_id bigint,
                flags tinyint, PRIMARY KEY (user_id, tweet_id)
            ) WITH CLUSTERING ORDER BY (tweet_id DESC) AND gc_grace_seconds = 10800 AND compaction = {{
                'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS',
                'compaction_window_size': {_WINDOW_DAYS}
            }}""",
            """CREATE TABLE IF NOT EXISTS home_progress (
                tweet_id bigint, shard int, after bigint, PRIMARY KEY (tweet_id, shard)
            )""",
            """CREATE TABLE IF NOT EXISTS home_state (
                user_id bigint PRIMARY KEY, active_at_ms bigint, complete_since bigint, requested_at_ms bigint
            )""",
        ]
    ],
)
USER_TABLES = (UserTable("home", ("user_id",)), UserTable("home_state", ("user_id",)))

_INSERT = Statement(
    """INSERT INTO home (user_id, tweet_id, author_id, subject_id, subject_author_id, flags)
       VALUES (?, ?, ?, ?, ?, ?) USING TTL ?"""
)
_READ = Statement(
    """SELECT tweet_id, author_id, subject_id, subject_author_id, flags FROM home
       WHERE user_id = ? AND tweet_id < ? AND tweet_id >= ? LIMIT ?""",
    falls_back=True,
)
_PROGRESS = Statement("SELECT after FROM home_progress WHERE tweet_id = ? AND shard = ?")
_MOVE = Statement("INSERT INTO home_progress (tweet_id, shard, after) VALUES (?, ?, ?) USING TTL ?")
_FORGET = Statement("DELETE FROM home_progress WHERE tweet_id = ? AND shard = ?")

_LONG, _INT, _BYTE = Struct(">q").pack, Struct(">i").pack, Struct(">b").pack
ROW_BYTES = 72
"""Of a row as a server counts it: six columns and the row's own."""


class CqlHomeStore:
    """`horizon_ms`: how old a post may be that a home holds; rows end a day after."""

    def __init__(self, session: CqlSession, horizon_ms: int) -> None:
        self._session, self._keep_ms = session, horizon_ms + DAY_MS
        self._batches = RawBatches(session, _INSERT, ReplicaSets(session).current)

    def write(
        self,
        call: Call,
        rows: Sequence[tuple[int, Candidate]],
        progress: Sequence[Progress] = (),
        forget: Sequence[Progress] = (),
    ) -> None:
        settings = self._session.settings
        if rows:
            size = max(1, settings.batch_bytes // ROW_BYTES)
            batches = self._batches.of(self._encoded(call, rows), size)
            self._session.send(call, "batch", batches, settings.batches_in_flight)
        # Only now: a resume point never stands before the rows that it tells of.
        self._session.write(call, *self._moves(call, progress, forget))

    def read(self, call: Call, user_id: int, before_id: int, from_id: int, limit: int) -> list[Candidate]:
        if call.made_of is not None:
            # Only heads in the cache say when rows come.
            call.made_of.close()
        rows = self._session.rows(call, _READ, user_id, before_id, from_id, limit)
        return [Candidate._make(row) for row in rows]

    def version(self, call: Call) -> object:  # noqa: ARG002
        return object()

    def progress(self, call: Call, jobs: Sequence[tuple[int, int]]) -> list[int]:
        found = self._session.rows_of_each(call, [(_PROGRESS, job) for job in jobs])
        return [rows[0][0] if rows else 0 for rows in found]

    def expire(self, call: Call, after_user: int, users: int, below_id: int) -> int:  # noqa: ARG002
        """Nothing to do: each row was written with its end."""
        return 0

    def close(self) -> None:
        """The session is the process's."""

    def _encoded(self, call: Call, rows: Sequence[tuple[int, Candidate]]) -> Iterator[tuple[bytes, list[bytes]]]:
        """(partition key, values) of each row as they go over the wire. One post goes to very many: what is its own is
        packed once. One home's rows follow one another: of those that come in one batch a server makes one write."""
        packed: dict[Candidate, list[bytes] | None] = {}
        for user_id, candidate in sorted(rows, key=itemgetter(0)):
            try:
                columns = packed[candidate]
            except KeyError:
                columns = packed[candidate] = self._columns(call, candidate)
            if columns is not None:
                key = _LONG(user_id)
                yield key, [key, *columns]

    def _columns(self, call: Call, candidate: Candidate) -> list[bytes] | None:
        """None for a post that is beyond the horizon already."""
        ttl = self._ttl(call, candidate.tweet_id)
        if ttl <= 0:
            return None
        tweet_id, author_id, subject_id, subject_author_id, flags = candidate
        return [
            _LONG(tweet_id),
            _LONG(author_id),
            _LONG(subject_id),
            _LONG(subject_author_id),
            _BYTE(flags),
            _INT(ttl),
        ]

    def _ttl(self, call: Call, tweet_id: int) -> int:
        """Seconds."""
        return (time_ms(tweet_id) + self._keep_ms - call.runtime.now_ms()) // 1000

    def _moves(self, call: Call, progress: Sequence[Progress], forget: Sequence[Progress]) -> Iterator[Request]:
        for done in forget:
            yield _FORGET, (done.tweet_id, done.shard)
        for point in progress:
            ttl = self._ttl(call, point.tweet_id)
            if ttl > 0:
                yield _MOVE, (point.tweet_id, point.shard, point.after, ttl)


_STATE = Statement(
    "SELECT active_at_ms, complete_since, requested_at_ms FROM home_state WHERE user_id = ?", falls_back=True
)
_ACTIVE = Statement("SELECT user_id, active_at_ms FROM home_state WHERE user_id = ?")
_TOUCH = Statement("UPDATE home_state USING TIMESTAMP ? SET active_at_ms = ? WHERE user_id = ?")
_BEGIN = Statement("UPDATE home_state USING TIMESTAMP ? SET complete_since = ?, requested_at_ms = ? WHERE user_id = ?")
_COMPLETE = Statement("UPDATE home_state USING TIMESTAMP ? SET complete_since = ? WHERE user_id = ?")


class CqlHomeStateStore(CqlOutbox):
    """Values carry their own times as timestamps: activity never goes back, and the last request wins, whatever the
    order of writes. A completion stands right above its request, and below every later one."""

    def __init__(self, session: CqlSession) -> None:
        super().__init__("timeline", session)

    def get(self, call: Call, user_id: int) -> HomeState | None:
        row = self._session.row(call, _STATE, user_id)
        return HomeState(*(value or 0 for value in row)) if row else None

    def active_at(self, call: Call, user_ids: Sequence[int]) -> dict[int, int]:
        found = self._session.rows_of_each(call, [(_ACTIVE, (user_id,)) for user_id in user_ids])
        return {row[0]: row[1] for rows in found for row in rows}

    def touch(self, call: Call, user_id: int, now_ms: int) -> None:
        self._session.write(call, _touched(user_id, now_ms))

    def begin_rebuild(self, call: Call, user_id: int, now_ms: int, outbox: Sequence[OutboxRow], bucket: int) -> None:
        begun: Request = (_BEGIN, (now_ms * 1000, INCOMPLETE, now_ms, user_id))
        self._session.write_together(
            call, [_touched(user_id, now_ms), begun, *self._outbox_requests(call, bucket, outbox)]
        )

    def complete_rebuild(self, call: Call, user_id: int, requested_at_ms: int, complete_since: int) -> bool:
        state = self.get(call, user_id)
        if state is None or state.requested_at_ms != requested_at_ms:
            return False
        self._session.write(call, (_COMPLETE, (requested_at_ms * 1000 + 1, complete_since, user_id)))
        return True


def _touched(user_id: int, now_ms: int) -> Request:
    return _TOUCH, (now_ms * 1000, now_ms, user_id)
