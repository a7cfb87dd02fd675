"""A record that a group could not handle, and what became of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from murmuration_server.eventlog.port import Record

MAX_REASON = 500
"""Characters."""


class LetterState(enum.Enum):
    OPEN = 1
    RETRIED = 2
    DROPPED = 3


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`topic`, `partition`, `offset`: where the record lay when the group set it aside. Times in milliseconds since
    1970."""

    group: str
    topic: str
    partition: int
    offset: int
    key: int
    origin_ms: int
    value: bytes
    reason: str
    set_aside_ms: int
    state: LetterState = LetterState.OPEN
    settled_ms: int = 0

    @classmethod
    def of(cls, group: str, record: Record, error: Exception, now_ms: int) -> DeadLetter:
        reason = repr(error)[:MAX_REASON]
        place = (record.topic, record.partition, record.offset)
        return cls(group, *place, record.key, record.origin_ms, record.value, reason, now_ms)

    @property
    def letter_id(self) -> str:
        """The same however often the record is set aside: by what it is, not by where the letter lies."""
        return f"{self.group}/{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Settled:
    """Lies behind its letter on the log."""

    letter_id: str
    state: LetterState
    settled_ms: int
