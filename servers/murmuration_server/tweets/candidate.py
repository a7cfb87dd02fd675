"""Candidates: what timelines hold of a post, 33 bytes each. Whether it is shown is decided at each read."""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from typing import NamedTuple

_LAYOUT = struct.Struct("<qqqqB")
SIZE = _LAYOUT.size


class TweetKind(enum.IntEnum):
    POST = 1
    REPLY = 2
    REPOST = 3


class Mode(enum.IntEnum):
    """How a post reaches followers; stamped on it when it is created."""

    PUSH = 1
    PULL = 2


_KINDS = {int(kind): kind for kind in TweetKind}
_KIND_BITS, _PULL_BIT = 0b11, 0b100


class Candidate(NamedTuple):
    """`subject_id`: what is answered or reposted, 0 for a post; `flags`: kind and mode."""

    tweet_id: int
    author_id: int
    subject_id: int
    subject_author_id: int
    flags: int

    @property
    def kind(self) -> TweetKind:
        return _KINDS[self.flags & _KIND_BITS]

    @property
    def mode(self) -> Mode:
        return Mode.PULL if self.flags & _PULL_BIT else Mode.PUSH

    @property
    def shown_id(self) -> int:
        """The post that is shown, and that counts and the viewer's state are about: of a repost, the original."""
        return self.subject_id if self.kind is TweetKind.REPOST else self.tweet_id

    def encode(self) -> bytes:
        return _LAYOUT.pack(*self)


def make_flags(kind: TweetKind, mode: Mode) -> int:
    return kind | (_PULL_BIT if mode is Mode.PULL else 0)


def decode(data: bytes) -> Candidate:
    """Raises struct.error where the bytes are not one candidate."""
    return Candidate._make(_LAYOUT.unpack(data))


def decode_many(data: bytes) -> list[Candidate]:
    """Raises struct.error where the length is not a multiple of 33."""
    return [Candidate._make(fields) for fields in _LAYOUT.iter_unpack(data)]


def encode_many(candidates: Iterable[Candidate]) -> bytes:
    return b"".join([_LAYOUT.pack(*candidate) for candidate in candidates])
