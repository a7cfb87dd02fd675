"""Records: what caches hold of a post.

The public message's bytes as they go out, and in front of them what the rules of timelines need, so that a page is made
without parsing a message.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from murmuration_server.tweets.candidate import SIZE as CANDIDATE_SIZE
from murmuration_server.tweets.candidate import Candidate
from murmuration_server.tweets.candidate import decode as decode_candidate

_HEADER = struct.Struct("<?B")


class TweetRecord(NamedTuple):
    """`mentioned`: ids of mentioned users, at most 50. `body`: serialized murmuration.v1.Tweet, empty where deleted."""

    deleted: bool
    candidate: Candidate
    mentioned: tuple[int, ...]
    body: bytes


def encode(record: TweetRecord) -> bytes:
    mentioned = record.mentioned
    return (
        _HEADER.pack(record.deleted, len(mentioned))
        + record.candidate.encode()
        + struct.pack(f"<{len(mentioned)}q", *mentioned)
        + record.body
    )


def decode(data: bytes) -> TweetRecord:
    """Raises struct.error where the bytes are no record."""
    deleted, count = _HEADER.unpack_from(data)
    start = _HEADER.size + CANDIDATE_SIZE
    candidate = decode_candidate(data[_HEADER.size : start])
    mentioned = struct.unpack_from(f"<{count}q", data, start) if count else ()
    return TweetRecord(deleted, candidate, mentioned, data[start + 8 * count :])


def marker(record: TweetRecord) -> TweetRecord:
    """What remains of a deleted post, for ever."""
    return TweetRecord(True, record.candidate, (), b"")
