"""Follows by the thousand in a SQLite file: few steps for many rows.

Each step of SQLite gives the interpreter's lock away, and waits for it behind all other threads of the process. So rows
that differ in one id only are written in one step, and questions about many rows have one row for an answer.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from murmuration_server.graph.relations import NOT_BACKFILLED
from murmuration_server.graph.store import RelationRow

ROWS_AT_ONCE = 4000
"""Rows that a question may name: SQLite takes 32,766 parameters."""

# A follow that stands already keeps what is in the home; a new one begins without. Its shard never changes.
_WRITE_FOLLOWING = f"""
    INSERT INTO following SELECT ?, value, ?, ?, ?, ?, {NOT_BACKFILLED} FROM json_each(?) WHERE true
    ON CONFLICT DO UPDATE SET
        version = excluded.version, standing = excluded.standing, hide_reposts = excluded.hide_reposts,
        backfilled = CASE WHEN standing AND excluded.standing THEN backfilled ELSE {NOT_BACKFILLED} END"""

NEWER = """DO UPDATE SET version = excluded.version, standing = excluded.standing
           WHERE excluded.version > version OR (excluded.version = version AND NOT excluded.standing)"""
_WRITE_FOLLOWERS = f"INSERT INTO followers SELECT ?, ?, value, ?, ? FROM json_each(?) WHERE true ON CONFLICT {NEWER}"

_LACKING = """
    WITH wanted (place, user_id, followee_id, version, ended, hides) AS (VALUES {rows})
    SELECT json_group_array(place) FROM wanted AS w
    LEFT JOIN following AS f ON f.user_id = w.user_id AND f.followee_id = w.followee_id
    LEFT JOIN followers AS b ON b.user_id = w.followee_id AND b.shard = f.shard AND b.follower_id = w.user_id
    WHERE f.version IS NULL OR (w.version, w.ended, w.hides) > (f.version, NOT f.standing, f.hide_reposts)
       OR b.version IS NULL OR (w.version, w.ended) > (b.version, NOT b.standing)"""

_AWAITING_BACKFILL = f"""
    WITH wanted (place, user_id, followee_id, version) AS (VALUES {{rows}})
    SELECT json_group_array(place) FROM wanted AS w
    CROSS JOIN following AS f ON f.user_id = w.user_id AND f.followee_id = w.followee_id AND f.version = w.version
    WHERE f.standing AND f.backfilled = {NOT_BACKFILLED}"""


def write_following(connection: sqlite3.Connection, follows: Iterable[RelationRow]) -> None:
    """One after another, the later over the earlier."""
    alike = attrgetter("user_id", "version", "standing", "hide_reposts", "shard")
    connection.executemany(
        _WRITE_FOLLOWING,
        [(*same, json.dumps([row.other_id for row in group])) for same, group in groupby(follows, alike)],
    )


def write_followers(connection: sqlite3.Connection, follows: Iterable[RelationRow]) -> None:
    """In the order of the table, each unless a newer one is there."""
    alike = attrgetter("other_id", "shard", "version", "standing")
    connection.executemany(
        _WRITE_FOLLOWERS,
        [
            (*same, json.dumps([row.user_id for row in group]))
            for same, group in groupby(sorted(follows, key=alike), alike)
        ],
    )


def lacking(connection: sqlite3.Connection, follows: Sequence[tuple[int, RelationRow]]) -> list[int]:
    """Places of the rows (each with its place) of which a direction is not there or older."""
    wanted = [
        (place, row.user_id, row.other_id, row.version, not row.standing, row.hide_reposts) for place, row in follows
    ]
    return list(_places(connection, _LACKING, wanted))


def awaiting_backfill(connection: sqlite3.Connection, follows: Sequence[tuple[int, RelationRow]]) -> list[int]:
    """Places of the rows (each with its place) that stand at their version without a mark, in order."""
    wanted = [(place, row.user_id, row.other_id, row.version) for place, row in follows]
    return sorted(_places(connection, _AWAITING_BACKFILL, wanted))


def _places(connection: sqlite3.Connection, question: str, wanted: Sequence[tuple[int, ...]]) -> Iterator[int]:
    for start in range(0, len(wanted), ROWS_AT_ONCE):
        some = wanted[start : start + ROWS_AT_ONCE]
        row = f"({', '.join('?' * len(some[0]))})"
        query = question.format(rows=", ".join([row] * len(some)))
        (places,) = connection.execute(query, [value for values in some for value in values]).fetchone()
        yield from json.loads(places)
