"""Relations in a SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.sqlite_outbox import OUTBOX_TABLE, SqliteOutbox, insert_outbox
from murmuration_server.graph.follower_pages import FollowerPage
from murmuration_server.graph.relations import NOT_BACKFILLED, Relations
from murmuration_server.graph.store import AuthorMode, BackfillMark, RelationKind, RelationRow
from murmuration_server.graph.stores.sqlite_follows import (
    NEWER,
    awaiting_backfill,
    lacking,
    write_followers,
    write_following,
)
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import Database, placeholders

_MIGRATIONS = [
    OUTBOX_TABLE
    + f"""
    CREATE TABLE following (
        user_id INTEGER NOT NULL, followee_id INTEGER NOT NULL, version INTEGER NOT NULL, standing INTEGER NOT NULL,
        hide_reposts INTEGER NOT NULL, shard INTEGER NOT NULL, backfilled INTEGER NOT NULL DEFAULT {NOT_BACKFILLED},
        PRIMARY KEY (user_id, followee_id)
    ) WITHOUT ROWID;
    CREATE TABLE followers (
        user_id INTEGER NOT NULL, shard INTEGER NOT NULL, follower_id INTEGER NOT NULL, version INTEGER NOT NULL,
        standing INTEGER NOT NULL, PRIMARY KEY (user_id, shard, follower_id)
    ) WITHOUT ROWID;
    CREATE TABLE marks_between (
        kind INTEGER NOT NULL, user_id INTEGER NOT NULL, other_id INTEGER NOT NULL, version INTEGER NOT NULL,
        standing INTEGER NOT NULL, PRIMARY KEY (kind, user_id, other_id)
    ) WITHOUT ROWID;
    CREATE TABLE blocked_by (
        user_id INTEGER NOT NULL, other_id INTEGER NOT NULL, version INTEGER NOT NULL, standing INTEGER NOT NULL,
        PRIMARY KEY (user_id, other_id)
    ) WITHOUT ROWID;
    CREATE TABLE follow_counts (
        user_id INTEGER PRIMARY KEY, followers INTEGER NOT NULL DEFAULT 0, following INTEGER NOT NULL DEFAULT 0,
        shards INTEGER NOT NULL DEFAULT 1
    );
    CREATE INDEX many_followers ON follow_counts (followers);
    CREATE TABLE author_mode (author_id INTEGER PRIMARY KEY, mode INTEGER NOT NULL, pinned INTEGER NOT NULL);
    """
]


# As one text: each row that SQLite hands over gives the interpreter's lock away, and fan-out reads very many.
_PAGE_OF_FOLLOWERS = """SELECT json_group_array(follower_id) FROM (
                            SELECT follower_id FROM followers
                            WHERE user_id = ? AND shard = ? AND follower_id > ? AND standing
                            ORDER BY follower_id LIMIT ?)"""

KEYS_AT_ONCE = 5000
Key = tuple[RelationKind, int, int]


class SqliteGraphStore(SqliteOutbox):
    def __init__(self, path: Path | None, runtime: Runtime, *, read_only: bool = False) -> None:
        self._db = Database(path, runtime, _MIGRATIONS, read_only=read_only)
        super().__init__("graph", self._db)

    def get_rows(self, call: Call, keys: Sequence[tuple[RelationKind, int, int]]) -> list[RelationRow | None]:  # noqa: ARG002
        def work(connection: sqlite3.Connection) -> list[RelationRow | None]:
            held = _held(connection, keys)
            return [held.get(key) for key in keys]

        return self._db.read(work)

    def apply(self, call: Call, rows: Sequence[RelationRow], outbox: Sequence[OutboxRow], bucket: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            held = _held(connection, [_key(row) for row in rows])
            winners: list[RelationRow] = []
            counts: dict[int, list[int]] = defaultdict(lambda: [0, 0, 1])
            for row in rows:
                key = _key(row)
                before = held.get(key)
                if row.wins_over(before):
                    winners.append(row)
                    held[key] = _in_shard(row, before.shard if before else row.shard)
                    if row.kind is RelationKind.FOLLOW:
                        _count(counts, row, before)
            _write_forward(connection, winners)
            # The other direction is written for itself: a writer may have died between the two.
            _write_backward(connection, [_in_shard(row, held[_key(row)].shard) for row in rows])
            _add_counts(connection, counts)
            insert_outbox(connection, bucket, outbox)

        self._db.write(call, work)

    def lacking(self, call: Call, rows: Sequence[RelationRow]) -> list[RelationRow]:  # noqa: ARG002
        def work(connection: sqlite3.Connection) -> list[RelationRow]:
            places = set(lacking(connection, _follows(rows)))
            return [
                row
                for place, row in enumerate(rows)
                if (place in places if row.kind is RelationKind.FOLLOW else _lacks(connection, row))
            ]

        return self._db.read(work)

    def awaiting_backfill(self, call: Call, rows: Sequence[RelationRow]) -> list[int]:  # noqa: ARG002
        return self._db.read(lambda connection: awaiting_backfill(connection, _follows(rows)))

    def mark_backfilled(self, call: Call, marks: Sequence[BackfillMark]) -> None:
        self._db.write(
            call,
            lambda connection: connection.executemany(
                """UPDATE following SET backfilled = min(backfilled, ?)
                   WHERE user_id = ? AND followee_id = ? AND version = ? AND standing""",
                [(mark.since, mark.user_id, mark.followee_id, mark.version) for mark in marks],
            ),
        )

    def get_relations(self, call: Call, user_ids: Sequence[int], most_blocked_by: int) -> dict[int, Relations]:  # noqa: ARG002
        return self._db.read(
            lambda connection: {user_id: _relations(connection, user_id, most_blocked_by) for user_id in user_ids}
        )

    def blocking(self, call: Call, user_id: int, other_ids: Sequence[int]) -> list[int]:  # noqa: ARG002
        query = f"""SELECT other_id FROM blocked_by WHERE user_id = ? AND standing
                    AND other_id IN ({placeholders(other_ids)})"""
        return self._db.read(lambda connection: _column(connection.execute(query, (user_id, *other_ids))))

    def list_followers(self, call: Call, pages: Sequence[FollowerPage]) -> list[list[int]]:  # noqa: ARG002
        found = self._db.read(
            lambda connection: [connection.execute(_PAGE_OF_FOLLOWERS, page).fetchone()[0] for page in pages]
        )
        # The order in which an aggregate sees its rows is not promised.
        return [sorted(json.loads(ids)) for ids in found]

    def list_page(self, call: Call, user_id: int, of_followers: bool, after: int, limit: int) -> list[int]:
        if of_followers:
            # Shards are few and each is in order: the page is among the first `limit` of each.
            shards = self.author_modes(call, [user_id])[0].shards
            found = self.list_followers(call, [FollowerPage(user_id, shard, after, limit) for shard in range(shards)])
            return sorted(follower for ids in found for follower in ids)[:limit]
        query = """SELECT followee_id FROM following WHERE user_id = ? AND followee_id > ? AND standing
                   ORDER BY followee_id LIMIT ?"""
        return self._db.read(lambda connection: _column(connection.execute(query, (user_id, after, limit))))

    def counts(self, call: Call, user_ids: Sequence[int]) -> dict[int, tuple[int, int]]:  # noqa: ARG002
        query = f"SELECT user_id, followers, following FROM follow_counts WHERE user_id IN ({placeholders(user_ids)})"
        rows = self._db.read(lambda connection: connection.execute(query, user_ids).fetchall())
        return dict.fromkeys(user_ids, (0, 0)) | {row[0]: (row[1], row[2]) for row in rows}

    def author_modes(self, call: Call, author_ids: Sequence[int]) -> list[AuthorMode]:  # noqa: ARG002
        ids = placeholders(author_ids)
        counted = f"SELECT user_id, followers, shards FROM follow_counts WHERE user_id IN ({ids})"
        chosen = f"SELECT author_id, mode, pinned FROM author_mode WHERE author_id IN ({ids})"

        def work(connection: sqlite3.Connection) -> list[AuthorMode]:
            counts = {row[0]: row[1:] for row in connection.execute(counted, author_ids)}
            modes = {row[0]: row[1:] for row in connection.execute(chosen, author_ids)}
            found = []
            for author_id in author_ids:
                followers, shards = counts.get(author_id, (0, 1))
                mode, pinned = modes.get(author_id, (1, False))
                found.append(AuthorMode(author_id, mode, bool(pinned), followers, shards))
            return found

        return self._db.read(work)

    def modes_to_review(self, call: Call, pull_above: int, push_below: int, limit: int) -> list[AuthorMode]:  # noqa: ARG002
        query = """
            SELECT c.user_id, coalesce(m.mode, 1), 0, c.followers, c.shards FROM follow_counts c
            LEFT JOIN author_mode m ON m.author_id = c.user_id
            WHERE c.followers > ? AND coalesce(m.mode, 1) = 1 AND NOT coalesce(m.pinned, 0)
            UNION ALL
            SELECT m.author_id, m.mode, 0, coalesce(c.followers, 0), coalesce(c.shards, 1) FROM author_mode m
            LEFT JOIN follow_counts c ON c.user_id = m.author_id
            WHERE m.mode = 2 AND NOT m.pinned AND coalesce(c.followers, 0) < ? LIMIT ?
        """
        rows = self._db.read(lambda connection: connection.execute(query, (pull_above, push_below, limit)).fetchall())
        return [AuthorMode(*row) for row in rows]

    def set_mode(self, call: Call, author_id: int, mode: int, pinned: bool) -> None:
        self._db.write(
            call,
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO author_mode VALUES (?, ?, ?)", (author_id, mode, pinned)
            ),
        )

    def close(self) -> None:
        self._db.close()


def _column(rows: Iterable[tuple[int]]) -> list[int]:
    return [row[0] for row in rows]


def _key(row: RelationRow) -> Key:
    return row[:3]


def _follows(rows: Sequence[RelationRow]) -> list[tuple[int, RelationRow]]:
    """With their places."""
    return [(place, row) for place, row in enumerate(rows) if row.kind is RelationKind.FOLLOW]


def _in_shard(row: RelationRow, shard: int) -> RelationRow:
    return row if row.shard == shard else row._replace(shard=shard)


def _held(connection: sqlite3.Connection, keys: Sequence[Key]) -> dict[Key, RelationRow]:
    """The rows that are there, many in one query: imports ask for thousands."""
    follows = [key[1:] for key in keys if key[0] is RelationKind.FOLLOW]
    marks = [key for key in keys if key[0] is not RelationKind.FOLLOW]
    found: dict[Key, RelationRow] = {}
    for start in range(0, len(follows), KEYS_AT_ONCE):
        pairs = follows[start : start + KEYS_AT_ONCE]
        rows = connection.execute(
            f"""WITH wanted (user_id, followee_id) AS (VALUES {", ".join(["(?, ?)"] * len(pairs))})
                SELECT user_id, followee_id, version, standing, hide_reposts, shard
                FROM wanted CROSS JOIN following USING (user_id, followee_id)""",
            list(chain.from_iterable(pairs)),
        )
        for user_id, other_id, version, standing, hidden, shard in rows:
            found[RelationKind.FOLLOW, user_id, other_id] = RelationRow(
                RelationKind.FOLLOW, user_id, other_id, version, bool(standing), bool(hidden), shard
            )
    for kind, user_id, other_id in marks:
        row = connection.execute(
            "SELECT version, standing FROM marks_between WHERE kind = ? AND user_id = ? AND other_id = ?",
            (kind, user_id, other_id),
        ).fetchone()
        if row is not None:
            found[kind, user_id, other_id] = RelationRow(kind, user_id, other_id, row[0], bool(row[1]))
    return found


def _lacks(connection: sqlite3.Connection, row: RelationRow) -> bool:
    """Of a block or mute. Only a block has another direction."""
    held = _held(connection, [_key(row)]).get(_key(row))
    if held is None or row.wins_over(held):
        return True
    if row.kind is not RelationKind.BLOCK:
        return False
    other = connection.execute(
        "SELECT version, standing FROM blocked_by WHERE user_id = ? AND other_id = ?", (row.other_id, row.user_id)
    ).fetchone()
    return other is None or (other[0], not other[1]) < (row.version, not row.standing)


def _count(counts: dict[int, list[int]], row: RelationRow, before: RelationRow | None) -> None:
    change = int(row.standing) - int(before is not None and before.standing)
    counts[row.user_id][1] += change
    counts[row.other_id][0] += change
    counts[row.other_id][2] = max(counts[row.other_id][2], row.shard + 1)


def _write_forward(connection: sqlite3.Connection, rows: Sequence[RelationRow]) -> None:
    write_following(connection, [row for row in rows if row.kind is RelationKind.FOLLOW])
    connection.executemany(
        "INSERT OR REPLACE INTO marks_between VALUES (?, ?, ?, ?, ?)",
        [
            (row.kind, row.user_id, row.other_id, row.version, row.standing)
            for row in rows
            if row.kind is not RelationKind.FOLLOW
        ],
    )


def _write_backward(connection: sqlite3.Connection, rows: Sequence[RelationRow]) -> None:
    write_followers(connection, [row for row in rows if row.kind is RelationKind.FOLLOW])
    connection.executemany(
        f"INSERT INTO blocked_by VALUES (?, ?, ?, ?) ON CONFLICT {NEWER}",
        [(row.other_id, row.user_id, row.version, row.standing) for row in rows if row.kind is RelationKind.BLOCK],
    )


def _add_counts(connection: sqlite3.Connection, counts: dict[int, list[int]]) -> None:
    connection.executemany(
        """INSERT INTO follow_counts VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
           followers = followers + excluded.followers, following = following + excluded.following,
           shards = max(shards, excluded.shards)""",
        [(user_id, *change) for user_id, change in counts.items()],
    )


def _relations(connection: sqlite3.Connection, user_id: int, most_blocked_by: int) -> Relations:
    following = connection.execute(
        "SELECT followee_id, backfilled, hide_reposts FROM following WHERE user_id = ? AND standing", (user_id,)
    ).fetchall()
    marks = connection.execute(
        "SELECT kind, other_id FROM marks_between WHERE kind IN (?, ?) AND user_id = ? AND standing",
        (RelationKind.BLOCK, RelationKind.MUTE, user_id),
    ).fetchall()
    blocked_by = _column(
        connection.execute(
            "SELECT other_id FROM blocked_by WHERE user_id = ? AND standing LIMIT ?", (user_id, most_blocked_by + 1)
        )
    )
    return Relations(
        {row[0]: row[1] for row in following},
        frozenset(row[0] for row in following if row[2]),
        frozenset(other for kind, other in marks if kind == RelationKind.MUTE),
        frozenset(other for kind, other in marks if kind == RelationKind.BLOCK),
        frozenset(blocked_by[:most_blocked_by]),
        len(blocked_by) <= most_blocked_by,
    )
