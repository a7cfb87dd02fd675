"""The tables of posts in a CQL keyspace.

All rows of a post are written at the time of its id, and taken away one microsecond above it. So it does not matter
whose clock is right, nor how often or in which order writes come: what is deleted stays deleted.
"""

from __future__ import annotations

from murmuration_server.platform.config import DAY_MS
from murmuration_server.platform.cql import sums
from murmuration_server.platform.cql.migrate import Schema
from murmuration_server.platform.cql.statement import Statement
from murmuration_server.platform.ids import SEQUENCE_BITS, WORKER_BITS, floor_id, time_ms
from murmuration_server.sharding.user_tables import Owner, UserTable

_MS_SHIFT = SEQUENCE_BITS + WORKER_BITS
_LIST_BUCKET_SHIFT = _MS_SHIFT + 35
"""An author's list is cut at every 2^35 ms, 398 days: few reads for who posts little, bounded partitions for who posts
much."""
_PULL_BUCKET_SHIFT = _MS_SHIFT + 26
"""PULL posts of all authors are cut at every 2^26 ms, 19 hours."""
RESPONSE_SHARDS = 16
"""Replies to one post, and reposts of it, lie in so many partitions."""
_MIX = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4): spreads ids that follow one another."""
SUMS = "response_sums"

SCHEMA = Schema(
    "tweets",
    [
        [
            "CREATE TABLE IF NOT EXISTS tweets (tweet_id bigint PRIMARY KEY, deleted_ms bigint, record blob)",
            """CREATE TABLE IF NOT EXISTS user_tweets (
                author_id bigint, bucket int, tweet_id bigint, subject_id bigint, subject_author_id bigint,
                flags tinyint, PRIMARY KEY ((author_id, bucket), tweet_id)
            ) WITH CLUSTERING ORDER BY (tweet_id DESC)""",
            """CREATE TABLE IF NOT EXISTS pull_tweets (
                bucket int, tweet_id bigint, author_id bigint, subject_id bigint, subject_author_id bigint,
                flags tinyint, PRIMARY KEY (bucket, tweet_id)
            )""",
            "CREATE TABLE IF NOT EXISTS pull_buckets (one int, bucket int, PRIMARY KEY (one, bucket))",
            # Replies and reposts that stand: what is counted.
            """CREATE TABLE IF NOT EXISTS responses (
                subject_id bigint, kind tinyint, shard int, tweet_id bigint,
                PRIMARY KEY ((subject_id, kind, shard), tweet_id)
            )""",
            # Who has which repost of what. Written by lightweight transactions only; `record` is the whole repost.
            """CREATE TABLE IF NOT EXISTS reposts (
                tweet_id bigint, user_id bigint, repost_id bigint, record blob, PRIMARY KEY ((tweet_id, user_id))
            )""",
            """CREATE TABLE IF NOT EXISTS claims (
                actor_id bigint, method text, request_id text, digest blob, tweet_id bigint, mode int,
                claimed_ms bigint, PRIMARY KEY ((actor_id, method, request_id))
            )""",
            sums.table(SUMS),
        ]
    ],
)

GET = Statement("SELECT tweet_id, record FROM tweets WHERE tweet_id = ?", falls_back=True)
GET_SURELY = Statement("SELECT record FROM tweets WHERE tweet_id = ?")
INSERT = Statement("INSERT INTO tweets (tweet_id, record) VALUES (?, ?) USING TIMESTAMP ?")
MARK_DELETED = Statement("INSERT INTO tweets (tweet_id, deleted_ms, record) VALUES (?, ?, ?) USING TIMESTAMP ?")
STANDS = Statement("SELECT deleted_ms FROM tweets WHERE tweet_id = ?")

_CANDIDATE = "tweet_id, author_id, subject_id, subject_author_id, flags"
LIST_INSERT = Statement(f"INSERT INTO user_tweets ({_CANDIDATE}, bucket) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?")
LIST_DELETE = Statement("DELETE FROM user_tweets USING TIMESTAMP ? WHERE author_id = ? AND bucket = ? AND tweet_id = ?")
LIST_HAS = Statement("SELECT tweet_id FROM user_tweets WHERE author_id = ? AND bucket = ? AND tweet_id = ?")
LIST_PAGE = Statement(
    f"""SELECT {_CANDIDATE} FROM user_tweets
        WHERE author_id = ? AND bucket = ? AND tweet_id >= ? AND tweet_id < ? LIMIT ?""",
    falls_back=True,
)
PULL_INSERT = Statement(f"INSERT INTO pull_tweets ({_CANDIDATE}, bucket) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?")
PULL_DELETE = Statement("DELETE FROM pull_tweets USING TIMESTAMP ? WHERE bucket = ? AND tweet_id = ?")
PULL_PAGE = Statement(
    f"SELECT {_CANDIDATE} FROM pull_tweets WHERE bucket = ? AND tweet_id >= ? AND tweet_id < ? LIMIT ?"
)
PULL_ANNOUNCE = Statement("INSERT INTO pull_buckets (one, bucket) VALUES (0, ?)")
PULL_BUCKETS = Statement("SELECT bucket FROM pull_buckets WHERE one = 0 AND bucket >= ? AND bucket <= ?")

RESPONSE_INSERT = Statement(
    "INSERT INTO responses (subject_id, kind, shard, tweet_id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
)
RESPONSE_DELETE = Statement(
    "DELETE FROM responses USING TIMESTAMP ? WHERE subject_id = ? AND kind = ? AND shard = ? AND tweet_id = ?"
)
RESPONSE_COUNT = Statement("SELECT count(*) FROM responses WHERE subject_id = ? AND kind = ? AND shard = ?")

REPOST_OF = Statement("SELECT tweet_id, repost_id FROM reposts WHERE tweet_id = ? AND user_id = ?", falls_back=True)
REPOST_TAKE = Statement(
    "INSERT INTO reposts (tweet_id, user_id, repost_id, record) VALUES (?, ?, ?, ?) IF NOT EXISTS", conditional=True
)
REPOST_TAKE_OVER = Statement(
    "UPDATE reposts SET repost_id = ?, record = ? WHERE tweet_id = ? AND user_id = ? IF repost_id = ?",
    conditional=True,
)
REPOST_FREE = Statement("DELETE FROM reposts WHERE tweet_id = ? AND user_id = ? IF repost_id = ?", conditional=True)
REPOST_HELD = Statement("SELECT repost_id, record FROM reposts WHERE tweet_id = ? AND user_id = ?", serial=True)

_CLAIM = "actor_id, method, request_id, digest, tweet_id, mode, claimed_ms"
CLAIM_TAKE = Statement(f"INSERT INTO claims ({_CLAIM}) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS USING TTL ?", True)
CLAIM_TAKE_OVER = Statement(
    """UPDATE claims USING TTL ? SET digest = ?, tweet_id = ?, mode = ?, claimed_ms = ?
       WHERE actor_id = ? AND method = ? AND request_id = ? IF tweet_id = ? AND claimed_ms = ?""",
    conditional=True,
)
CLAIM_HELD = Statement(f"SELECT {_CLAIM} FROM claims WHERE actor_id = ? AND method = ? AND request_id = ?", serial=True)


def created_us(tweet_id: int) -> int:
    """The timestamp of a post's rows."""
    return time_ms(tweet_id) * 1000


def deleted_us(tweet_id: int) -> int:
    """The timestamp of what takes them away."""
    return created_us(tweet_id) + 1


def list_bucket(tweet_id: int) -> int:
    return tweet_id >> _LIST_BUCKET_SHIFT


def newest_list_bucket(now_ms: int) -> int:
    """No id is much ahead of the clock: later buckets are empty."""
    return list_bucket(floor_id(now_ms + DAY_MS))


def _list_buckets(owner: Owner) -> list[tuple[int, int]]:
    """Of an author's list: none of his posts is older than he is."""
    newest = newest_list_bucket(owner.now_ms)
    return [(owner.user_id, bucket) for bucket in range(list_bucket(owner.user_id), newest + 1)]


USER_TABLES = (UserTable("user_tweets", ("author_id", "bucket"), _list_buckets),)
"""Posts, claims and reposts have keys of their own: they are spread by those, and not one user's."""


def pull_bucket(tweet_id: int) -> int:
    return tweet_id >> _PULL_BUCKET_SHIFT


def response_shard(tweet_id: int) -> int:
    return (tweet_id * _MIX % 2**64 >> 32) % RESPONSE_SHARDS
