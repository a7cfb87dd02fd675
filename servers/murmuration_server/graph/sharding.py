"""In which shard of an author's followers a follower lies. Shards grow with the author; rows never move."""

from __future__ import annotations

_MIX = 0x9E3779B97F4A7C15
"""2^64 divided by the golden ratio (Fibonacci hashing, Knuth, TAOCP 3, 6.4): spreads ids that follow one another."""


def follower_shard(follower_id: int, followers_before: int, followers_per_shard: int) -> int:
    shards = 1 + followers_before // followers_per_shard
    return ((follower_id * _MIX) % 2**64 >> 32) % shards
