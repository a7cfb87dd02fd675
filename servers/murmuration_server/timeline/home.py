"""One page of a home: candidates, relations, hydration, rules; refilled until it is full or the home ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Entry as CacheEntry
from murmuration_server.graph.client import GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.errors import DeadlineExceeded
from murmuration_server.platform.ids import MAX_ID, floor_id, time_ms
from murmuration_server.timeline.activity import Activity
from murmuration_server.timeline.cursor import Cursor, Query
from murmuration_server.timeline.merge import Entry, merge
from murmuration_server.timeline.rules import (
    Reader,
    allowed_by_content,
    allowed_by_relations,
    is_own_post,
    people_in,
    repeats,
)
from murmuration_server.timeline.sources import Range, SourceFinder
from murmuration_server.timeline.store import INCOMPLETE, HomeState
from murmuration_server.tweets.client import Candidate, Counts, Recent, TweetClient, TweetKind, TweetRecord
from murmuration_server.users.client import UserClient

ANSWER_SECONDS = 0.2
"""Kept back of a call's time for making the answer."""
NOTHING_RECENT = Recent((), exhausted=False)


@dataclass
class HomePage:
    """`next`: None at the end of the home. `partial`: time ran out before all sources were read; the page may lack
    entries. `rebuilding`: it was made from followees' posts alone."""

    entries: list[Entry] = field(default_factory=list)
    records: dict[int, TweetRecord] = field(default_factory=dict)
    counts: dict[int, Counts] = field(default_factory=dict)
    """Of what entries show, by its id."""
    next: Cursor | None = None
    partial: bool = False
    rebuilding: bool = False
    scanned: int = 0
    own: Recent = NOTHING_RECENT
    """The reader's own recent posts, as of the page."""


class HomeReader:
    def __init__(
        self,
        sources: SourceFinder,
        activity: Activity,
        graph: GraphClient,
        tweets: TweetClient,
        users: UserClient,
        cache: Cache,
        settings: TimelineSettings,
    ) -> None:
        self._sources, self._activity, self._cache = sources, activity, cache
        self._graph, self._tweets, self._users, self._settings = graph, tweets, users, settings

    def first(self, call: Call) -> Cursor:
        """The cursor of a walk's beginning: it fixes how far back the walk goes."""
        horizon = floor_id(call.runtime.now_ms() - self._settings.horizon_ms)
        return Cursor(MAX_ID, horizon, 0)

    def read(self, call: Call, query: Query, cursor: Cursor, size: int) -> HomePage:
        within = call.within(self._settings.read_budget_ms / 1000)
        reader, own, state = self._look_up(call, query.reader_id)
        complete_since = self._activity.enter(call, query.reader_id, state)
        ids = Range(cursor.before_id, cursor.from_id)
        found = self._sources.find(within, reader, own, complete_since, ids, size + size // 4 + 1)
        page = HomePage(partial=found.partial, own=own)
        feed = _Feed(merge(found.iterators), self, within, reader, page)
        self._fill(page, feed, query, cursor, size)
        if page.partial or (feed.out_of_time and not page.entries):
            page.partial = True
            page.next = page.next or Cursor(cursor.before_id, cursor.from_id, cursor.counted)
        page.rebuilding = complete_since == INCOMPLETE
        if call.made_of is not None:
            # When the oldest that was decided leaves the horizon, what is above it may be shown otherwise.
            call.made_of.end_at(time_ms(feed.decided_below) + self._settings.horizon_ms)
            if feed.out_of_time:
                call.made_of.close()
        return page

    def _look_up(self, call: Call, user_id: int) -> tuple[Reader, Recent, HomeState]:
        """All that is kept of a reader under his own id, in one look-up. Raises `UserNotFound`."""
        self._users.require(call, user_id)
        relations = CacheEntry(self._graph.relations_kind, user_id)
        recent = CacheEntry(self._tweets.recent_kind, user_id)
        state = CacheEntry(self._activity.state_kind, user_id)
        found = self._cache.get_many(call, [relations, recent, state])
        return Reader(user_id, found[relations], found[relations].barred), found[recent], found[state]

    def _fill(self, page: HomePage, feed: _Feed, query: Query, cursor: Cursor, size: int) -> None:
        counted, position = cursor.counted, cursor.before_id
        while len(page.entries) < size and counted < self._settings.home_size:
            entry = feed.peek(size)
            if entry is None:
                if feed.ended:
                    return
                position = min(position, feed.decided_below)
                break
            candidate = entry.candidate
            if candidate.tweet_id <= query.since_id:
                return
            if candidate.kind is TweetKind.REPOST:
                older, enough = feed.ahead(self._settings.repost_window)
                if not enough and position < cursor.before_id:
                    # The next page begins here, and has all its time for looking ahead.
                    break
                if repeats(candidate, older):
                    position = feed.take().candidate.tweet_id
                    continue
            position = feed.take().candidate.tweet_id
            counted += 1
            if not _excluded(candidate, query):
                page.entries.append(entry)
        if counted < self._settings.home_size:
            page.next = Cursor(position, cursor.from_id, counted)

    def decide(self, call: Call, entries: list[Entry], reader: Reader, page: HomePage) -> list[Entry]:
        """Of candidates, those that pass all rules but that of repetition. The page takes their records, and
        counts as far as they are cached."""
        related = [entry for entry in entries if allowed_by_relations(entry.candidate, reader)]
        wanted = {entry.candidate.tweet_id for entry in related}
        wanted.update(entry.candidate.subject_id for entry in related if entry.candidate.subject_id)
        counted = {entry.candidate.shown_id for entry in related}
        records, counts = self._tweets.records_and_counts(
            call, wanted - page.records.keys(), counted - page.counts.keys()
        )
        page.records.update(records)
        page.counts.update(counts)
        allowed = [entry for entry in related if allowed_by_content(entry.candidate, page.records, reader)]
        if allowed and not reader.relations.blocked_by_complete:
            people = {person for entry in allowed for person in people_in(entry.candidate, page.records)}
            blocking = self._graph.blocked_by(call, reader.user_id, people - {reader.user_id})
            allowed = [
                entry
                for entry in allowed
                if is_own_post(entry.candidate, reader) or blocking.isdisjoint(people_in(entry.candidate, page.records))
            ]
        return allowed

    @property
    def settings(self) -> TimelineSettings:
        return self._settings


class _Feed:
    """Entries that pass all rules but that of repetition, newest first, decided in chunks as they are asked for."""

    def __init__(
        self, candidates: Iterator[Entry], home: HomeReader, call: Call, reader: Reader, page: HomePage
    ) -> None:
        self._candidates, self._home, self._call = candidates, home, call
        self._reader, self._page = reader, page
        self._ready: deque[Entry] = deque()
        self._exhausted = False
        self.out_of_time = False
        self.decided_below = MAX_ID
        """Everything from this id on has been decided."""

    @property
    def ended(self) -> bool:
        return self._exhausted and not self._ready

    def peek(self, chunk: int) -> Entry | None:
        """The next entry; None at the end, or where the page's budget is used up."""
        while not self._ready and not self._exhausted and self._may_go_on():
            self._decide(chunk)
        return self._ready[0] if self._ready else None

    def take(self) -> Entry:
        """The entry that was seen last."""
        return self._ready.popleft()

    def ahead(self, count: int) -> tuple[list[Candidate], bool]:
        """The `count` entries after the next one, and whether these are all that there are to know: False where the
        page's budget was used up first."""
        while len(self._ready) <= count and not self._exhausted and self._may_go_on():
            self._decide(count - len(self._ready) + 1)
        older = [entry.candidate for entry in islice(self._ready, 1, count + 1)]
        return older, len(older) == count or self._exhausted

    def _may_go_on(self) -> bool:
        return not self.out_of_time and self._page.scanned < self._home.settings.scan_per_page

    def _decide(self, chunk: int) -> None:
        entries: list[Entry] = []
        try:
            self._call.remaining()
            for entry in self._candidates:
                entries.append(entry)
                if len(entries) == chunk:
                    break
            else:
                self._exhausted = True
            self._ready += self._home.decide(self._call, entries, self._reader, self._page)
        except DeadlineExceeded:
            self.out_of_time = True
            return
        self._page.scanned += len(entries)
        if entries:
            self.decided_below = entries[-1].candidate.tweet_id


def _excluded(candidate: Candidate, query: Query) -> bool:
    kind = candidate.kind
    return (query.exclude_replies and kind is TweetKind.REPLY) or (query.exclude_reposts and kind is TweetKind.REPOST)
