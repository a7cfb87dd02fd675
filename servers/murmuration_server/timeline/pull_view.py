"""The view that every timeline process holds of large authors' posts: all that are stamped PULL, within the horizon.

Built from the stamped posts themselves, never from authors' modes, so an author may cross the line in either direction
with nothing lost. Each refresh reads a recent range again, since a post may be stored after a later one; the view's age
counts from the start of its refresh. (Model-checked: an age from its end, or
reading only above the newest, loses posts.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.ids import floor_id
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime
from murmuration_server.tweets.client import Candidate, TweetClient

READ_AT_ONCE = 5000


@dataclass(frozen=True)
class Snapshot:
    """`newest_first` of all authors; `by_author` newest first, at most so many; `floors`: for an author with more, the
    id below which his posts are not in the view. The list of an author for whom nothing has changed since the snapshot
    before is the same object. `version`: the same as long as nothing has changed for anybody."""

    newest_first: Sequence[Candidate]
    by_author: Mapping[int, Sequence[Candidate]]
    floors: Mapping[int, int]
    started: float
    started_ms: int
    """`started` by the wall clock: what was acked before is in the view."""
    version: int = 0

    def of(self, author_ids: Set[int]) -> dict[int, tuple[Sequence[Candidate], int | None]]:
        """Their posts in the view, and their floors; without those who have none."""
        return {
            author: (self.by_author[author], self.floors.get(author)) for author in author_ids & self.by_author.keys()
        }


class Followed:
    """What somebody's view of his followees was in a snapshot, and whether it is so in the present one."""

    def __init__(self, view: PullView, followees: Set[int], snapshot: Snapshot) -> None:
        self._view, self._followees = view, followees
        self._version, self._posts = snapshot.version, snapshot.of(followees)

    def is_alike(self) -> bool:
        """Costs next to nothing where nothing has changed for anybody."""
        snapshot = self._view.snapshot()
        if snapshot.version == self._version:
            return True
        posts = snapshot.of(self._followees)
        if posts.keys() != self._posts.keys() or not all(map(_is_same, posts.values(), map(self._posts.get, posts))):
            return False
        self._version = snapshot.version
        return True


class PullView:
    def __init__(self, tweets: TweetClient, runtime: Runtime, settings: TimelineSettings, metrics: Metrics) -> None:
        self._tweets, self._runtime, self._settings, self._metrics = tweets, runtime, settings, metrics
        self._snapshot = Snapshot((), {}, {}, float("-inf"), 0)
        self._whole_read_at = float("-inf")
        self._read_at_ms = 0

    def snapshot(self) -> Snapshot:
        return self._snapshot

    def is_too_old(self) -> bool:
        age = self._runtime.monotonic() - self._snapshot.started
        return age * 1000 > self._settings.view_max_age_ms

    def run_once(self, call: Call) -> bool:
        """Reads the recent range again, or now and then the whole horizon."""
        started = self._runtime.monotonic()
        now = self._runtime.now_ms()
        whole = (started - self._whole_read_at) * 1000 >= self._settings.view_full_refresh_ms
        # From before the last refresh, however long ago that was: nothing in between may be left out.
        since = now - self._settings.horizon_ms if whole else min(now, self._read_at_ms) - self._settings.view_reread_ms
        from_id = floor_id(since)
        fresh = self._read(call, from_id)
        kept = [] if whole else [found for found in self._snapshot.newest_first if found.tweet_id < from_id]
        unchanged = not whole and len(kept) + len(fresh) == len(self._snapshot.newest_first)
        if unchanged and list(self._snapshot.newest_first[: len(fresh)]) == fresh:
            held = self._snapshot
            self._snapshot = replace(held, started=started, started_ms=now)
        else:
            self._snapshot = self._build([*fresh, *kept], {} if whole else self._snapshot.floors, started, now)
        if whole:
            self._whole_read_at = started
        self._read_at_ms = now
        self._metrics.pull_view_posts.set(len(self._snapshot.newest_first))
        self._metrics.pull_view_age_seconds.set(self._runtime.monotonic() - started)
        return False

    def _read(self, call: Call, from_id: int) -> list[Candidate]:
        found: list[Candidate] = []
        exhausted = False
        while not exhausted:
            page, exhausted = self._tweets.pull_candidates(call, from_id, 0, READ_AT_ONCE)
            found += page
            if page:
                from_id = page[-1].tweet_id + 1
        found.reverse()
        return found

    def _build(
        self, newest_first: Iterable[Candidate], held: Mapping[int, int], started: float, started_ms: int
    ) -> Snapshot:
        """`held`: floors below which an incremental refresh has nothing in hand."""
        made: dict[int, list[Candidate]] = defaultdict(list)
        floors = dict(held)
        full: set[int] = set()
        kept = []
        for candidate in newest_first:
            own = made[candidate.author_id]
            if len(own) < self._settings.home_size:
                own.append(candidate)
                kept.append(candidate)
            elif candidate.author_id not in full:
                full.add(candidate.author_id)
                floors[candidate.author_id] = own[-1].tweet_id
        before = self._snapshot
        by_author: dict[int, Sequence[Candidate]] = {}
        for author, posts in made.items():
            last = before.by_author.get(author)
            by_author[author] = last if last == posts and last is not None else posts
        return Snapshot(kept, by_author, floors, started, started_ms, before.version + 1)


def _is_same(one: tuple[Sequence[Candidate], int | None], other: tuple[Sequence[Candidate], int | None] | None) -> bool:
    return other is not None and one[0] is other[0] and one[1] == other[1]
