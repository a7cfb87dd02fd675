"""Cache entries of posts: records, recent candidates per author, counts."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

from murmuration_server.cache.entries import Kind
from murmuration_server.platform.call import Call
from murmuration_server.tweets import candidate, record
from murmuration_server.tweets.candidate import Candidate, TweetKind
from murmuration_server.tweets.record import TweetRecord

T = TypeVar("T")
Load = Callable[[Call, Sequence[int]], Mapping[int, T]]

RECORD_SECONDS = 3600.0
RECENT_SECONDS = 3600.0
COUNT_SECONDS = 300.0
"""Whoever changes them voids them, and so does the consumer of the event if he has not got so far. For what becomes
visible later than its event, of a write whose end its writer never learned, they end."""
LOCAL_COUNT_SECONDS = 2.0
LOCAL_SECONDS = 4.0
"""For how long a process may show a post that another process has deleted."""
_COUNTS = struct.Struct("<qq")


@dataclass(frozen=True)
class Recent:
    """An author's newest candidates, newest first. `exhausted`: down to the horizon there are no older ones."""

    candidates: tuple[Candidate, ...]
    exhausted: bool

    @cached_property
    def reposted(self) -> frozenset[int]:
        """Originals of the reposts among them."""
        return frozenset(found.subject_id for found in self.candidates if found.kind is TweetKind.REPOST)


class Counts(NamedTuple):
    replies: int
    reposts: int


def record_kind(load: Load[TweetRecord]) -> Kind[TweetRecord]:
    return Kind(
        "tweet", 1, RECORD_SECONDS, load, encode=record.encode, decode=record.decode, local_seconds=LOCAL_SECONDS
    )


def recent_kind(load: Load[Recent]) -> Kind[Recent]:
    return Kind("recent", 1, RECENT_SECONDS, load, encode=_encode_recent, decode=_decode_recent, keep_parsed=True)


def counts_kind(load: Load[Counts]) -> Kind[Counts]:
    return Kind(
        "counts",
        1,
        COUNT_SECONDS,
        load,
        encode=lambda counts: _COUNTS.pack(*counts),
        decode=lambda data: Counts._make(_COUNTS.unpack(data)),
        local_seconds=LOCAL_COUNT_SECONDS,
        left_out=True,
    )


def _encode_recent(recent: Recent) -> bytes:
    return bytes([recent.exhausted]) + candidate.encode_many(recent.candidates)


def _decode_recent(data: bytes) -> Recent:
    return Recent(tuple(candidate.decode_many(data[1:])), bool(data[0]))
