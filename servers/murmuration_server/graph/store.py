"""The store port of relations."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from murmuration_server.eventlog.outbox import OutboxRow, OutboxSource
from murmuration_server.graph.follower_pages import FollowerPage
from murmuration_server.graph.relations import Relations
from murmuration_server.platform.call import Call


class RelationKind(enum.IntEnum):
    FOLLOW = 1
    BLOCK = 2
    MUTE = 3


class RelationRow(NamedTuple):
    """One direction's state of a pair. A relation that ended leaves its row, so that its version stays readable.

    `version`: microseconds of a hybrid logical clock. `shard`: in which of the followee's shards the follower lies.
    """

    kind: RelationKind
    user_id: int
    other_id: int
    version: int
    standing: bool
    hide_reposts: bool = False
    shard: int = 0

    def wins_over(self, held: RelationRow | None) -> bool:
        """The greater version wins; on a tie the removal does, then what shows less: so any order ends alike."""
        return held is None or self._rank() > held._rank()

    def _rank(self) -> tuple[int, bool, bool]:
        return self.version, not self.standing, self.hide_reposts


@dataclass(frozen=True, slots=True)
class AuthorMode:
    """`mode`: 1 push, 2 pull; `pinned`: an operator chose it."""

    author_id: int
    mode: int
    pinned: bool
    followers: int
    shards: int


@dataclass(frozen=True, slots=True)
class BackfillMark:
    """The home of `user_id` holds the followee's posts from `since` on; only for the follow of that version."""

    user_id: int
    followee_id: int
    version: int
    since: int


class GraphStore(OutboxSource, Protocol):
    """Both directions of every relation, and counts that equal the rows."""

    def get_rows(self, call: Call, keys: Sequence[tuple[RelationKind, int, int]]) -> list[RelationRow | None]:
        """The rows of (kind, user, other), in the order asked for; ended ones too."""
        ...

    def apply(self, call: Call, rows: Sequence[RelationRow], outbox: Sequence[OutboxRow], bucket: int) -> None:
        """Writes both directions of each row, where it wins over what is held, and the outbox rows.

        A call that fails may leave the outbox rows and some of the others, never others alone: the events tell of all
        rows, and whoever handles them first applies what is lacking.

        Applying the same rows again, later, or in another order gives the same state.
        """
        ...

    def lacking(self, call: Call, rows: Sequence[RelationRow]) -> list[RelationRow]:
        """Of rows that were written once, those of which a direction is older than it says. Changes nothing."""
        ...

    def awaiting_backfill(self, call: Call, rows: Sequence[RelationRow]) -> list[int]:
        """Places of the follows that stand at the version of their row and carry no mark."""
        ...

    def mark_backfilled(self, call: Call, marks: Sequence[BackfillMark]) -> None: ...

    def get_relations(self, call: Call, user_ids: Sequence[int], most_blocked_by: int) -> dict[int, Relations]: ...

    def blocking(self, call: Call, user_id: int, other_ids: Sequence[int]) -> list[int]:
        """Which of the others block the user."""
        ...

    def list_followers(self, call: Call, pages: Sequence[FollowerPage]) -> list[list[int]]:
        """The ids of each page in order, and the pages in the order asked for."""
        ...

    def list_page(self, call: Call, user_id: int, of_followers: bool, after: int, limit: int) -> list[int]:
        """Followers or followees with ids greater than `after`, in order."""
        ...

    def counts(self, call: Call, user_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        """(followers, following) for each of the users."""
        ...

    def author_modes(self, call: Call, author_ids: Sequence[int]) -> list[AuthorMode]:
        """For each of the authors, also for those that nobody follows."""
        ...

    def modes_to_review(self, call: Call, pull_above: int, push_below: int, limit: int) -> list[AuthorMode]:
        """Authors that are not pinned and push with more than `pull_above` followers, or pull with fewer than
        `push_below`."""
        ...

    def set_mode(self, call: Call, author_id: int, mode: int, pinned: bool) -> None: ...
