"""The tables of relations in a CQL keyspace.

Rows of relations are written with a timestamp made of the row's version and of how it ranks at that version. So the
database keeps the one that wins, in whatever order writes come, and both directions keep the same one. Nothing is
deleted: a relation that ends leaves its row.
"""

from __future__ import annotations

from murmuration_server.graph.relations import NOT_BACKFILLED
from murmuration_server.graph.store import RelationRow
from murmuration_server.platform.cql import sums
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.statement import Statement
from murmuration_server.sharding.user_tables import UserTable

FOLLOWERS, FOLLOWING = 1, 2
"""Kinds of sums. Whom one follows lies in one shard."""
SUMS = "follow_sums"

SCHEMA = Schema(
    "graph",
    [
        [
            # `ended`: the version of the last removal; only removals write it. `marked`, `depth`: the version of the
            # follow for which a backfill was marked, and how deep (see `depth_of`). A mark counts if marked > ended.
            """CREATE TABLE IF NOT EXISTS following (
                user_id bigint, followee_id bigint, version bigint, standing boolean, hide_reposts boolean, shard int,
                ended bigint, marked bigint, depth bigint, PRIMARY KEY (user_id, followee_id)
            )""",
            """CREATE TABLE IF NOT EXISTS followers (
                user_id bigint, shard int, follower_id bigint, version bigint, standing boolean,
                PRIMARY KEY ((user_id, shard), follower_id)
            )""",
            """CREATE TABLE IF NOT EXISTS marks_between (
                user_id bigint, kind tinyint, other_id bigint, version bigint, standing boolean,
                PRIMARY KEY (user_id, kind, other_id)
            )""",
            """CREATE TABLE IF NOT EXISTS blocked_by (
                user_id bigint, other_id bigint, version bigint, standing boolean, PRIMARY KEY (user_id, other_id)
            )""",
            """CREATE TABLE IF NOT EXISTS author_mode (author_id bigint PRIMARY KEY, mode tinyint, pinned boolean)""",
            # Authors of whom something changed that decides their mode: what the mode keeper looks through.
            """CREATE TABLE IF NOT EXISTS mode_reviews (
                part int, author_id bigint, asked_us bigint, PRIMARY KEY (part, author_id)
            ) WITH gc_grace_seconds = 86400""",
            sums.table(SUMS),
        ]
    ],
)
USER_TABLES = (
    UserTable("following", ("user_id",)),
    UserTable(
        "followers",
        ("user_id", "shard"),
        lambda owner: [(owner.user_id, shard) for shard in range(owner.follower_shards)],
    ),
    UserTable("marks_between", ("user_id",)),
    UserTable("blocked_by", ("user_id",)),
    UserTable("author_mode", ("author_id",)),
    UserTable(SUMS, ("owner",)),
)

FOLLOW_ROW = Statement(
    "SELECT version, standing, hide_reposts, shard FROM following WHERE user_id = ? AND followee_id = ?"
)
MARK_ROW = Statement("SELECT version, standing FROM marks_between WHERE user_id = ? AND kind = ? AND other_id = ?")
FOLLOWER_ROW = Statement("SELECT version, standing FROM followers WHERE user_id = ? AND shard = ? AND follower_id = ?")
BLOCKED_BY_ROW = Statement("SELECT version, standing FROM blocked_by WHERE user_id = ? AND other_id = ?")
BACKFILL_ROW = Statement("SELECT version, standing, ended, marked FROM following WHERE user_id = ? AND followee_id = ?")

WRITE_FOLLOWING = Statement(
    """INSERT INTO following (user_id, followee_id, version, standing, hide_reposts, shard)
       VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"""
)
WRITE_ENDED = Statement("UPDATE following USING TIMESTAMP ? SET ended = ? WHERE user_id = ? AND followee_id = ?")
WRITE_FOLLOWER = Statement(
    """INSERT INTO followers (user_id, shard, follower_id, version, standing)
       VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"""
)
WRITE_MARK = Statement(
    """INSERT INTO marks_between (user_id, kind, other_id, version, standing)
       VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"""
)
WRITE_BLOCKED_BY = Statement(
    "INSERT INTO blocked_by (user_id, other_id, version, standing) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
)
WRITE_BACKFILLED = Statement(
    "UPDATE following USING TIMESTAMP ? SET marked = ?, depth = ? WHERE user_id = ? AND followee_id = ?"
)

ALL_FOLLOWING = Statement(
    """SELECT followee_id, hide_reposts, ended, marked, depth FROM following
       WHERE user_id = ? AND standing = true ALLOW FILTERING"""
)
ALL_MARKS = Statement("SELECT kind, other_id, standing FROM marks_between WHERE user_id = ?")
# Filtered within one partition, which is read anyway.
SOME_BLOCKED_BY = Statement(
    "SELECT other_id FROM blocked_by WHERE user_id = ? AND standing = true LIMIT ? ALLOW FILTERING"
)
PAGE_OF_FOLLOWERS = Statement(
    """SELECT follower_id FROM followers WHERE user_id = ? AND shard = ? AND follower_id > ? AND standing = true
       LIMIT ? ALLOW FILTERING"""
)
PAGE_OF_FOLLOWING = Statement(
    """SELECT followee_id FROM following WHERE user_id = ? AND followee_id > ? AND standing = true
       LIMIT ? ALLOW FILTERING"""
)
COUNT_FOLLOWERS = Statement(
    "SELECT count(*) FROM followers WHERE user_id = ? AND shard = ? AND standing = true ALLOW FILTERING"
)
COUNT_FOLLOWING = Statement("SELECT count(*) FROM following WHERE user_id = ? AND standing = true ALLOW FILTERING")

READ_MODE = Statement("SELECT mode, pinned FROM author_mode WHERE author_id = ?")
WRITE_MODE = Statement("INSERT INTO author_mode (author_id, mode, pinned) VALUES (?, ?, ?)")
REVIEW_PARTS = 16
PARTS_WITH_REVIEWS = Statement(
    f"""SELECT part FROM mode_reviews WHERE part IN ({", ".join(map(str, range(REVIEW_PARTS)))})
        PER PARTITION LIMIT 1"""
)
"""In one request: mostly there are none."""
ASK_REVIEW = Statement("INSERT INTO mode_reviews (part, author_id, asked_us) VALUES (?, ?, ?) USING TIMESTAMP ?")
READ_REVIEWS = Statement("SELECT author_id, asked_us FROM mode_reviews WHERE part = ? AND author_id > ? LIMIT ?")
# With the time of the asking that was looked at: one that came since stays.
DROP_REVIEW = Statement("DELETE FROM mode_reviews USING TIMESTAMP ? WHERE part = ? AND author_id = ?")


def timestamp(row: RelationRow) -> int:
    """Orders writes of one row as `RelationRow.wins_over` does: by version, then a removal, then what shows less."""
    rank = 2 if not row.standing else int(row.hide_reposts)
    return row.version * 4 + rank


def depth_of(since: int) -> int:
    """A mark's `since`, stored so that the deeper of two marks at one timestamp is the greater value: the database
    keeps the greater of two values with equal timestamps."""
    return NOT_BACKFILLED - since


def is_marked(ended: int | None, marked: int | None) -> bool:
    """Whether a mark counts: it was made for a follow that has not been removed since."""
    return marked is not None and (ended is None or marked > ended)


def backfilled(ended: int | None, marked: int | None, depth: int | None) -> int:
    """From which id on the home holds the followee's posts, as the row says."""
    return NOT_BACKFILLED - depth if depth is not None and is_marked(ended, marked) else NOT_BACKFILLED
