"""TimelineService and the internal service of homes' state: parse, call, present."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from murmuration.internal.v1 import home_pb2 as internal
from murmuration.v1 import timeline_pb2 as api
from murmuration_server.cache.port import CacheStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.checks import check_id
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.errors import InvalidField
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.paging import page_size
from murmuration_server.timeline import heads, present
from murmuration_server.timeline.activity import Activity
from murmuration_server.timeline.cursor import Cursor, Cursors, Query
from murmuration_server.timeline.home import HomePage, HomeReader
from murmuration_server.timeline.kept_pages import Asked, Draft, KeptPages
from murmuration_server.timeline.pull_view import PullView
from murmuration_server.timeline.watermark import Watermark
from murmuration_server.tweets.client import TweetClient, TweetKind
from murmuration_server.users.client import UserClient

DEFAULT_PAGE = 20
Status: TypeAlias = api.TimelineState.Status.ValueType


class _Seen(NamedTuple):
    """`as_of_ms`: pushed posts are known up to the watermark, pulled ones up to the start of the view's refresh."""

    view_too_old: bool
    as_of_ms: int


class TimelineService:
    def __init__(
        self,
        homes: HomeReader,
        pages: KeptPages,
        cursors: Cursors,
        view: PullView,
        watermark: Watermark,
        tweets: TweetClient,
        users: UserClient,
        metrics: Metrics,
        settings: TimelineSettings,
    ) -> None:
        self._homes, self._pages, self._cursors = homes, pages, cursors
        self._view, self._watermark = view, watermark
        self._tweets, self._users, self._metrics, self._settings = tweets, users, metrics, settings
        self._reads = {
            status: metrics.home_reads.labels(api.TimelineState.Status.Name(status))
            for status in (present.READY, present.REBUILDING, present.DEGRADED)
        }

    def page_at_hand(self, call: Call, request: api.ListHomeTimelineRequest) -> bytes | None:
        """What ListHomeTimeline answers, where that takes no waiting."""
        asked = self._asked(call, request)
        if request.page_token:
            return None
        seen = self._seen()
        body = self._pages.at_hand(call, asked)
        return None if body is None else self._answer(call, body, self._status(seen), seen)

    def ListHomeTimeline(self, call: Call, request: api.ListHomeTimelineRequest) -> bytes:
        asked = self._asked(call, request)
        if request.page_token:
            cursor = self._cursors.open(asked.query, request.page_token)
            return self._read(call, asked, cursor)
        seen = self._seen()
        body = self._pages.read_again(call, asked)
        if body is not None:
            return self._answer(call, body, self._status(seen), seen)
        return self._read(call, asked, self._homes.first(call), self._pages.begin(call))

    def _asked(self, call: Call, request: api.ListHomeTimelineRequest) -> Asked:
        size = page_size(request.page_size, DEFAULT_PAGE, self._settings.max_page_size)
        if request.since_tweet_id < 0:
            raise InvalidField("since_tweet_id", "must be 0 or an id")
        reader_id = call.actor()
        return Asked(Query(reader_id, request.since_tweet_id, request.exclude_replies, request.exclude_reposts), size)

    def _read(self, call: Call, asked: Asked, cursor: Cursor, keeping: Draft | None = None) -> bytes:
        seen = self._seen()
        noting = call.noting(keeping.made_of) if keeping else call
        page = self._homes.read(noting, asked.query, cursor, asked.size)
        self._metrics.home_scanned.observe(page.scanned)
        body = self._present(noting, asked.query, page)
        status = present.DEGRADED if call.may_fall_back else self._status(seen, page)
        if keeping and not page.partial and not page.rebuilding:
            self._pages.keep(asked, keeping, body)
        return self._answer(call, body, status, seen)

    def _present(self, call: Call, query: Query, page: HomePage) -> bytes:
        shown = [entry.candidate.shown_id for entry in page.entries]
        people = dict.fromkeys(entry.candidate.author_id for entry in page.entries)
        for entry in page.entries:
            if entry.candidate.kind is TweetKind.REPOST:
                people[entry.candidate.subject_author_id] = None
        if uncounted := [tweet_id for tweet_id in shown if tweet_id not in page.counts]:
            # Only now: counts that have to be loaded take none of the time for finding what is shown.
            page.counts.update(self._tweets.counts(call, uncounted))
        return present.home_page(
            page,
            self._tweets.reposted(call, query.reader_id, page.own, shown) if shown else frozenset(),
            self._users.records(call, list(people)) if shown else {},
            self._cursors.seal(query, page.next) if page.next else "",
        )

    def _seen(self) -> _Seen:
        """To be asked before a page is read: what is seen then is at least as old as is said."""
        snapshot = self._view.snapshot()
        return _Seen(self._view.is_too_old(), min(self._watermark.last().until_ms, snapshot.started_ms))

    def _answer(self, call: Call, body: bytes, status: Status, seen: _Seen) -> bytes:
        self._reads[status].inc()
        lag_ms = max(0, call.runtime.now_ms() - seen.as_of_ms)
        return body + present.timeline_state(status, seen.as_of_ms, lag_ms)

    def _status(self, seen: _Seen, page: HomePage | None = None) -> Status:
        if page is not None and page.partial:
            return present.REBUILDING if page.rebuilding else present.DEGRADED
        return present.DEGRADED if seen.view_too_old else present.READY


class HomeStateService:
    """`cache`: where heads of homes are kept, if they are."""

    def __init__(self, activity: Activity, cache: CacheStore) -> None:
        self._activity, self._cache = activity, cache

    def CompleteRebuild(self, call: Call, request: internal.CompleteRebuildRequest) -> internal.CompleteRebuildResponse:
        completed = self._activity.complete(call, request.user_id, request.requested_at_ms, request.complete_since)
        return internal.CompleteRebuildResponse(completed=completed)

    def RequestRebuild(self, call: Call, request: internal.RequestRebuildRequest) -> internal.RequestRebuildResponse:
        self._activity.rebuild(call, check_id("user_id", request.user_id))
        return internal.RequestRebuildResponse()

    def InspectHome(self, call: Call, request: internal.InspectHomeRequest) -> internal.InspectHomeResponse:
        user_id = check_id("user_id", request.user_id)
        state, is_cached = self._activity.inspect(call, user_id)
        return internal.InspectHomeResponse(
            active_at_ms=state.active_at_ms,
            complete_since=state.complete_since,
            requested_at_ms=state.requested_at_ms,
            state_cached=is_cached,
            head_cached=heads.is_cached(self._cache, call, user_id),
        )
