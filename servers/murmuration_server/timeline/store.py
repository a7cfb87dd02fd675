"""The store ports of timelines: homes, which workers write, and the state of homes, which the serving side writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from murmuration_server.eventlog.outbox import OutboxRow, OutboxSource
from murmuration_server.platform.call import Call
from murmuration_server.tweets.client import Candidate

INCOMPLETE = 2**63 - 1
JOB_DONE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Progress:
    """A delivery job's resume point: followers up to `after` have the post. `JOB_DONE`: all of the shard's have."""

    tweet_id: int
    shard: int
    after: int


@dataclass(frozen=True, slots=True)
class HomeState:
    """`complete_since`: the home holds all candidates from this id on; `INCOMPLETE` while it is being rebuilt."""

    active_at_ms: int
    complete_since: int
    requested_at_ms: int


class HomeStore(Protocol):
    """Rows of homes. Writing a row again changes nothing."""

    def write(
        self,
        call: Call,
        rows: Sequence[tuple[int, Candidate]],
        progress: Sequence[Progress] = (),
        forget: Sequence[Progress] = (),
    ) -> None:
        """(user, candidate) rows, then the resume points that they reach: a write that fails may leave rows, never a
        resume point without its rows."""
        ...

    def read(self, call: Call, user_id: int, before_id: int, from_id: int, limit: int) -> list[Candidate]:
        """Newest first, ids in [from_id, before_id). Notes what it was made of, if somebody wants to know."""
        ...

    def version(self, call: Call) -> object:
        """Equal answers: no row was written in between. Costs next to nothing where homes are kept in files; elsewhere
        no two answers are equal."""
        ...

    def progress(self, call: Call, jobs: Sequence[tuple[int, int]]) -> list[int]:
        """For each (post, shard), in the order asked for, the follower id after which that job goes on; 0 at the
        beginning."""
        ...

    def expire(self, call: Call, after_user: int, users: int, below_id: int) -> int:
        """Drops rows with ids below `below_id` of the next `users` users above `after_user`, and resume points of posts
        that old; answers the last of these users, 0 where there are none, or where rows end by themselves."""
        ...


class HomeStateStore(OutboxSource, Protocol):
    """A user without a row has been active when he was created, and his home is complete."""

    def get(self, call: Call, user_id: int) -> HomeState | None: ...

    def active_at(self, call: Call, user_ids: Sequence[int]) -> dict[int, int]:
        """Milliseconds, for those of the users that have a row."""
        ...

    def touch(self, call: Call, user_id: int, now_ms: int) -> None:
        """Sets active_at, never back."""
        ...

    def begin_rebuild(self, call: Call, user_id: int, now_ms: int, outbox: Sequence[OutboxRow], bucket: int) -> None:
        """Sets active_at and requested_at, marks the home incomplete, and stores the request, atomically."""
        ...

    def complete_rebuild(self, call: Call, user_id: int, requested_at_ms: int, complete_since: int) -> bool:
        """Only where that request is still the last one; answers whether it was."""
        ...
