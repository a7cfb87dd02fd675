"""TimelineService and the internal service of homes' state: parse, call, present."""

from __future__ import annotations

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
from murmuration_server.timeline.cursor import Cursors, Query
from murmuration_server.timeline.home import HomePage, HomeReader
from murmuration_server.timeline.pull_view import PullView
from murmuration_server.timeline.watermark import Watermark
from murmuration_server.tweets.client import TweetClient, TweetKind
from murmuration_server.users.client import UserClient

DEFAULT_PAGE = 20


class TimelineService:
    def __init__(
        self,
        homes: HomeReader,
        cursors: Cursors,
        view: PullView,
        watermark: Watermark,
        tweets: TweetClient,
        users: UserClient,
        metrics: Metrics,
        settings: TimelineSettings,
    ) -> None:
        self._homes, self._cursors, self._view, self._watermark = homes, cursors, view, watermark
        self._tweets, self._users, self._metrics, self._settings = tweets, users, metrics, settings
        self._reads = {
            status: metrics.home_reads.labels(api.TimelineState.Status.Name(status))
            for status in (present.READY, present.REBUILDING, present.DEGRADED)
        }

    def ListHomeTimeline(self, call: Call, request: api.ListHomeTimelineRequest) -> bytes:
        reader_id = call.actor()
        size = page_size(request.page_size, DEFAULT_PAGE, self._settings.max_page_size)
        if request.since_tweet_id < 0:
            raise InvalidField("since_tweet_id", "must be 0 or an id")
        query = Query(reader_id, request.since_tweet_id, request.exclude_replies, request.exclude_reposts)
        token = request.page_token
        cursor = self._cursors.open(query, token) if token else self._homes.first(call)
        # Before the page is read: what is seen then is at least as old as is said.
        too_old, view_ms = self._view.is_too_old(), self._view.snapshot().started_ms
        page = self._homes.read(call, query, cursor, size)
        status = _status(page, too_old)
        self._reads[status].inc()
        self._metrics.home_scanned.observe(page.scanned)
        return self._present(call, query, page, self._state(call, status, view_ms))

    def _present(self, call: Call, query: Query, page: HomePage, state: api.TimelineState) -> bytes:
        shown = [present.shown_id(entry.candidate) for entry in page.entries]
        people = dict.fromkeys(entry.candidate.author_id for entry in page.entries)
        for entry in page.entries:
            if entry.candidate.kind is TweetKind.REPOST:
                people[entry.candidate.subject_author_id] = None
        return present.home_page(
            page,
            self._tweets.counts(call, shown) if shown else {},
            self._tweets.reposted(call, query.reader_id, page.own, shown) if shown else frozenset(),
            self._users.records(call, list(people)) if shown else {},
            self._cursors.seal(query, page.next) if page.next else "",
            state,
        )

    def _state(self, call: Call, status: api.TimelineState.Status.ValueType, view_ms: int) -> api.TimelineState:
        """Pushed posts are known up to the watermark, pulled ones up to the start of the view's refresh."""
        as_of = min(self._watermark.last().until_ms, view_ms)
        return present.timeline_state(status, as_of, max(0, call.runtime.now_ms() - as_of))


def _status(page: HomePage, view_too_old: bool) -> api.TimelineState.Status.ValueType:
    if page.partial and page.rebuilding:
        return present.REBUILDING
    return present.DEGRADED if page.partial or view_too_old else present.READY


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
