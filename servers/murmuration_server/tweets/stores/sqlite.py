"""Posts in a SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.sqlite_outbox import OUTBOX_TABLE, SqliteOutbox, insert_outbox
from murmuration_server.platform.call import Call
from murmuration_server.platform.ids import MAX_ID
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import Database, placeholders
from murmuration_server.tweets import record as codec
from murmuration_server.tweets.candidate import Candidate, Mode, TweetKind
from murmuration_server.tweets.entries import Counts
from murmuration_server.tweets.record import TweetRecord
from murmuration_server.tweets.store import Claim, ListRange

_MIGRATIONS = [
    OUTBOX_TABLE
    + """
    CREATE TABLE tweets (tweet_id INTEGER PRIMARY KEY, deleted_ms INTEGER, record BLOB NOT NULL);
    CREATE TABLE user_tweets (
        author_id INTEGER NOT NULL, tweet_id INTEGER NOT NULL, subject_id INTEGER NOT NULL,
        subject_author_id INTEGER NOT NULL, flags INTEGER NOT NULL, mode INTEGER NOT NULL,
        PRIMARY KEY (author_id, tweet_id)
    ) WITHOUT ROWID;
    CREATE INDEX pull_tweets ON user_tweets (tweet_id) WHERE mode = 2;
    CREATE TABLE replies (parent_id INTEGER NOT NULL, tweet_id INTEGER NOT NULL, PRIMARY KEY (parent_id, tweet_id))
        WITHOUT ROWID;
    CREATE TABLE reposts (
        tweet_id INTEGER NOT NULL, user_id INTEGER NOT NULL, repost_id INTEGER NOT NULL,
        PRIMARY KEY (tweet_id, user_id)
    ) WITHOUT ROWID;
    CREATE TABLE counts (
        tweet_id INTEGER PRIMARY KEY, replies INTEGER NOT NULL DEFAULT 0, reposts INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE claims (
        actor_id INTEGER NOT NULL, method TEXT NOT NULL, request_id TEXT NOT NULL, digest BLOB NOT NULL,
        tweet_id INTEGER NOT NULL, mode INTEGER NOT NULL, claimed_ms INTEGER NOT NULL,
        PRIMARY KEY (actor_id, method, request_id)
    ) WITHOUT ROWID;
    CREATE INDEX old_claims ON claims (claimed_ms);
    """
]
_CANDIDATE = "tweet_id, author_id, subject_id, subject_author_id, flags"
_ADD_COUNTS = """INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT DO UPDATE
                 SET replies = replies + excluded.replies, reposts = reposts + excluded.reposts"""


class SqliteTweetStore(SqliteOutbox):
    def __init__(self, path: Path | None, runtime: Runtime, *, read_only: bool = False) -> None:
        self._db = Database(path, runtime, _MIGRATIONS, read_only=read_only)
        super().__init__("tweets", self._db)

    def claim(self, call: Call, claim: Claim, expired_before_ms: int) -> Claim:
        def work(connection: sqlite3.Connection) -> Claim:
            held = connection.execute(
                "SELECT * FROM claims WHERE actor_id = ? AND method = ? AND request_id = ? AND claimed_ms >= ?",
                (claim.actor_id, claim.method, claim.request_id, expired_before_ms),
            ).fetchone()
            if held is not None:
                return Claim(*held)
            connection.execute(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    claim.actor_id,
                    claim.method,
                    claim.request_id,
                    claim.digest,
                    claim.tweet_id,
                    claim.mode,
                    claim.claimed_ms,
                ),
            )
            return claim

        return self._db.write(call, work)

    def create(self, call: Call, record: TweetRecord, outbox: Sequence[OutboxRow], bucket: int) -> int:
        candidate = record.candidate

        def work(connection: sqlite3.Connection) -> int:
            stored = connection.execute(
                "INSERT OR IGNORE INTO tweets VALUES (?, NULL, ?)", (candidate.tweet_id, codec.encode(record))
            ).rowcount
            if not stored:
                return candidate.tweet_id
            if candidate.kind is TweetKind.REPOST:
                standing = _add_repost(connection, candidate)
                if standing != candidate.tweet_id:
                    connection.execute("DELETE FROM tweets WHERE tweet_id = ?", (candidate.tweet_id,))
                    return standing
            elif candidate.kind is TweetKind.REPLY:
                connection.execute("INSERT INTO replies VALUES (?, ?)", (candidate.subject_id, candidate.tweet_id))
                connection.execute(_ADD_COUNTS, (candidate.subject_id, 1, 0))
            _insert_user_tweets(connection, [candidate])
            insert_outbox(connection, bucket, outbox)
            return candidate.tweet_id

        return self._db.write(call, work)

    def delete(self, call: Call, tweet_id: int, now_ms: int, outbox: Sequence[OutboxRow], bucket: int) -> bool:
        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "SELECT record FROM tweets WHERE tweet_id = ? AND deleted_ms IS NULL", (tweet_id,)
            ).fetchone()
            if row is None:
                return False
            record = codec.decode(row[0])
            candidate = record.candidate
            connection.execute(
                "UPDATE tweets SET deleted_ms = ?, record = ? WHERE tweet_id = ?",
                (now_ms, codec.encode(codec.marker(record)), tweet_id),
            )
            connection.execute(
                "DELETE FROM user_tweets WHERE author_id = ? AND tweet_id = ?", (candidate.author_id, tweet_id)
            )
            if candidate.kind is TweetKind.REPLY:
                connection.execute(
                    "DELETE FROM replies WHERE parent_id = ? AND tweet_id = ?", (candidate.subject_id, tweet_id)
                )
                connection.execute(_ADD_COUNTS, (candidate.subject_id, -1, 0))
            elif candidate.kind is TweetKind.REPOST:
                connection.execute(
                    "DELETE FROM reposts WHERE tweet_id = ? AND user_id = ?",
                    (candidate.subject_id, candidate.author_id),
                )
                connection.execute(_ADD_COUNTS, (candidate.subject_id, 0, -1))
            insert_outbox(connection, bucket, outbox)
            return True

        return self._db.write(call, work)

    def get_many(self, call: Call, tweet_ids: Sequence[int]) -> dict[int, TweetRecord]:  # noqa: ARG002
        query = f"SELECT tweet_id, record FROM tweets WHERE tweet_id IN ({placeholders(tweet_ids)})"
        return self._db.read(
            lambda connection: {row[0]: codec.decode(row[1]) for row in connection.execute(query, tweet_ids)}
        )

    def repost_of(self, call: Call, user_id: int, tweet_ids: Sequence[int]) -> dict[int, int]:  # noqa: ARG002
        query = f"""SELECT tweet_id, repost_id FROM reposts
                    WHERE user_id = ? AND tweet_id IN ({placeholders(tweet_ids)})"""
        return self._db.read(lambda connection: dict(connection.execute(query, (user_id, *tweet_ids))))

    def list_recent(self, call: Call, ranges: Sequence[ListRange], limit: int) -> list[list[Candidate]]:  # noqa: ARG002
        query = f"""SELECT {_CANDIDATE} FROM user_tweets WHERE author_id = ? AND tweet_id >= ? AND tweet_id < ?
                    ORDER BY tweet_id DESC LIMIT ?"""

        def work(connection: sqlite3.Connection) -> list[list[Candidate]]:
            bounds = ((author_id, from_id, before_id or MAX_ID, limit) for author_id, before_id, from_id in ranges)
            return [list(map(Candidate._make, connection.execute(query, values))) for values in bounds]

        return self._db.read(work)

    def list_pull(self, call: Call, from_id: int, before_id: int, limit: int) -> list[Candidate]:  # noqa: ARG002
        query = f"""SELECT {_CANDIDATE} FROM user_tweets WHERE mode = {Mode.PULL:d} AND tweet_id >= ? AND tweet_id < ?
                    ORDER BY tweet_id LIMIT ?"""
        bounds = (from_id, before_id or MAX_ID, limit)
        return self._db.read(lambda connection: list(map(Candidate._make, connection.execute(query, bounds))))

    def counts(self, call: Call, tweet_ids: Sequence[int]) -> dict[int, Counts]:  # noqa: ARG002
        query = f"SELECT tweet_id, replies, reposts FROM counts WHERE tweet_id IN ({placeholders(tweet_ids)})"
        rows = self._db.read(lambda connection: connection.execute(query, tweet_ids).fetchall())
        return dict.fromkeys(tweet_ids, Counts(0, 0)) | {row[0]: Counts(row[1], row[2]) for row in rows}

    def restore(self, call: Call, candidates: Sequence[Candidate]) -> list[int]:
        def missing(connection: sqlite3.Connection) -> list[Candidate]:
            return [found for found in candidates if _is_missing(connection, found)]

        def work(connection: sqlite3.Connection) -> list[int]:
            # Looked at again inside the write: a post may have been deleted since.
            lost = missing(connection)
            _insert_user_tweets(connection, lost)
            return list({candidate.author_id for candidate in lost})

        return self._db.write(call, work) if self._db.read(missing) else []

    def forget_claims(self, call: Call, claimed_before_ms: int) -> None:
        self._db.write(
            call,
            lambda connection: connection.execute("DELETE FROM claims WHERE claimed_ms < ?", (claimed_before_ms,)),
        )

    def close(self) -> None:
        self._db.close()


def _insert_user_tweets(connection: sqlite3.Connection, candidates: Sequence[Candidate]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO user_tweets VALUES (?, ?, ?, ?, ?, ?)",
        [
            (found.author_id, found.tweet_id, found.subject_id, found.subject_author_id, found.flags, found.mode)
            for found in candidates
        ],
    )


def _add_repost(connection: sqlite3.Connection, candidate: Candidate) -> int:
    added = connection.execute(
        "INSERT OR IGNORE INTO reposts VALUES (?, ?, ?)",
        (candidate.subject_id, candidate.author_id, candidate.tweet_id),
    ).rowcount
    if added:
        connection.execute(_ADD_COUNTS, (candidate.subject_id, 0, 1))
        return candidate.tweet_id
    standing: int = connection.execute(
        "SELECT repost_id FROM reposts WHERE tweet_id = ? AND user_id = ?",
        (candidate.subject_id, candidate.author_id),
    ).fetchone()[0]
    return standing


def _is_missing(connection: sqlite3.Connection, candidate: Candidate) -> bool:
    found = connection.execute(
        """SELECT 1 FROM tweets t WHERE t.tweet_id = ? AND t.deleted_ms IS NULL AND NOT EXISTS
           (SELECT 1 FROM user_tweets u WHERE u.author_id = ? AND u.tweet_id = t.tweet_id)""",
        (candidate.tweet_id, candidate.author_id),
    ).fetchone()
    return found is not None
