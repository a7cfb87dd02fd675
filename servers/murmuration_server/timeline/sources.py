"""Where a reader's candidates come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from murmuration_server.graph.client import Relations
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.errors import DeadlineExceeded
from murmuration_server.timeline.merge import Found, Older, below, deeper, listed, paged
from murmuration_server.timeline.pull_view import Followed, PullView, Snapshot
from murmuration_server.timeline.reasons import Reason
from murmuration_server.timeline.rules import Reader
from murmuration_server.timeline.store import INCOMPLETE, HomeStore
from murmuration_server.tweets.client import Candidate, Recent, TweetClient

AUTHORS_AT_ONCE = 200
MIN_FETCH, MAX_ROWS = 4, 4000


@dataclass
class Range:
    """Ids in [from_id, before_id)."""

    before_id: int
    from_id: int


@dataclass
class Sources:
    """Iterators for `merge`; `partial` where time ran out before all of them were there."""

    iterators: list[Iterator[Found]] = field(default_factory=list)
    partial: bool = False


class SourceFinder:
    def __init__(self, homes: HomeStore, tweets: TweetClient, view: PullView, settings: TimelineSettings) -> None:
        self._homes, self._tweets, self._view, self._settings = homes, tweets, view, settings

    def find(self, call: Call, reader: Reader, own: Recent, complete_since: int, ids: Range, first: int) -> Sources:
        """`own`: the reader's own newest posts. `first`: how many candidates to read from the stored home at first."""
        found, user_id, relations = Sources(), reader.user_id, reader.relations
        rebuilding = complete_since == INCOMPLETE
        pulled = sorted(relations.following) if rebuilding else list(relations.not_backfilled)
        self._add_recent(call, found, {user_id: own}, {user_id: Reason.OWN}, ids)
        if pulled:
            recent = self._recent(call, pulled, found)
            reason = Reason.REBUILT if rebuilding else Reason.JUST_FOLLOWED
            self._add_recent(call, found, recent, dict.fromkeys(pulled, reason), ids)
        if not rebuilding:
            self._add_home(call, found, user_id, relations, complete_since, ids, first)
            self._add_view(call, found, relations, ids)
        return found

    def _recent(self, call: Call, author_ids: Sequence[int], found: Sources) -> dict[int, Recent]:
        recent: dict[int, Recent] = {}
        try:
            for start in range(0, len(author_ids), AUTHORS_AT_ONCE):
                call.remaining()
                recent.update(self._tweets.recent(call, author_ids[start : start + AUTHORS_AT_ONCE]))
        except DeadlineExceeded:
            found.partial = True
        return recent

    def _add_recent(
        self, call: Call, found: Sources, recent: dict[int, Recent], reasons: dict[int, Reason], ids: Range
    ) -> None:
        """Authors' newest candidates, and below those, if there are more, their older ones."""
        floors = []
        for author_id, reason in reasons.items():
            newest = recent.get(author_id)
            if newest is None:
                continue
            if newest.candidates:
                found.iterators.append(listed(newest.candidates, reason, ids.before_id, ids.from_id))
            if not newest.exhausted:
                # All that the list held may have been deleted since: then everything lies below.
                floor = newest.candidates[-1].tweet_id if newest.candidates else ids.before_id
                floors.append((floor, author_id))
        floors.sort(reverse=True)
        self._add_deeper(call, found, floors, next(iter(reasons.values())), ids)

    def _add_home(
        self,
        call: Call,
        found: Sources,
        user_id: int,
        relations: Relations,
        complete_since: int,
        ids: Range,
        first: int,
    ) -> None:
        def read(before_id: int, limit: int) -> list[Candidate]:
            return self._homes.read(call, user_id, before_id, ids.from_id, limit)

        found.iterators.append(paged(read, Reason.PUSHED, ids.before_id, first, self._settings.fetch))
        self._add_deeper(call, found, relations.floors, Reason.REBUILT, ids)
        if complete_since > ids.from_id:
            # Below the depth that a rebuild has reached, everybody's older posts.
            def begin() -> Iterator[Found]:
                floors = [(complete_since, author) for author in sorted(relations.following)]
                return deeper(floors, self._older(call, ids), Reason.REBUILT, ids.before_id, ids.from_id)

            found.iterators.append(below(complete_since, Reason.REBUILT, ids.before_id, begin))

    def _add_view(self, call: Call, found: Sources, relations: Relations, ids: Range) -> None:
        snapshot = self._view.snapshot()
        if call.made_of is not None:
            call.made_of.add_look(Followed(self._view, relations.followees, snapshot).is_alike)
        authors = sorted(relations.followees & snapshot.by_author.keys())
        if len(authors) > self._settings.view_merge_authors:
            mine = (one for one in snapshot.newest_first if one.author_id in relations.following)
            found.iterators.append(listed(mine, Reason.PULLED, ids.before_id, ids.from_id))
        else:
            for author in authors:
                found.iterators.append(listed(snapshot.by_author[author], Reason.PULLED, ids.before_id, ids.from_id))
        self._add_deeper(call, found, _floors(snapshot, authors), Reason.PULLED, ids)

    def _add_deeper(
        self, call: Call, found: Sources, floors: Sequence[tuple[int, int]], reason: Reason, ids: Range
    ) -> None:
        """`floors`: (floor, author), greatest first."""
        if floors:
            found.iterators.append(deeper(floors, self._older(call, ids), reason, ids.before_id, ids.from_id))

    def _older(self, call: Call, ids: Range) -> Older:
        def older(authors: Sequence[tuple[int, int]]) -> dict[int, tuple[list[Candidate], bool]]:
            lists: dict[int, tuple[list[Candidate], bool]] = {}
            # Of many authors only few posts each are needed, and a batch must not grow with their number.
            limit = max(MIN_FETCH, min(self._settings.fetch, MAX_ROWS // len(authors)))
            for start in range(0, len(authors), AUTHORS_AT_ONCE):
                lists |= self._tweets.older(call, authors[start : start + AUTHORS_AT_ONCE], ids.from_id, limit)
            return lists

        return older


def _floors(snapshot: Snapshot, authors: Sequence[int]) -> list[tuple[int, int]]:
    return sorted(((snapshot.floors[author], author) for author in authors if author in snapshot.floors), reverse=True)
