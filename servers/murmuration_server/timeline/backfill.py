"""What follows from changed relations: rows and caches mended, and a new followee's posts written into the home.

The mark comes after the rows; until then the followee's posts are pulled at each read, so a follow acts at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.eventlog.consume import Received
from murmuration_server.eventlog.port import NewRecord
from murmuration_server.graph.client import GraphClient, Mark
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import FanoutSettings, TimelineSettings
from murmuration_server.platform.ids import floor_id
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.store import HomeStore
from murmuration_server.tweets.client import Candidate, TweetClient

ROWS_A_WRITE = 20_000


class RelationsFollower:
    def __init__(
        self,
        graph: GraphClient,
        tweets: TweetClient,
        homes: HomeStore,
        metrics: Metrics,
        fanout: FanoutSettings,
        timeline: TimelineSettings,
    ) -> None:
        self._graph, self._tweets, self._homes = graph, tweets, homes
        self._metrics, self._fanout, self._timeline = metrics, fanout, timeline

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        for event in events:
            follows = self._graph.repair(call, event.envelope.relations_changed.changes)
            if follows:
                self._backfill(call, [(change.user_id, change.other_id, change.version) for change in follows])
        return []

    def _backfill(self, call: Call, follows: Sequence[tuple[int, int, int]]) -> None:
        """(user, followee, version)."""
        from_id = floor_id(call.runtime.now_ms() - self._timeline.horizon_ms)
        authors = list(dict.fromkeys(followee for _, followee, _ in follows))
        recent = self._tweets.older(call, [(author, 0) for author in authors], from_id, self._fanout.backfill_size)
        rows: list[tuple[int, Candidate]] = []
        marks: list[Mark] = []
        for user_id, followee, version in follows:
            candidates, exhausted = recent[followee]
            rows += [(user_id, candidate) for candidate in candidates]
            since = 0 if exhausted else candidates[-1].tweet_id
            marks.append(Mark(user_id, followee, version, since))
            if len(rows) >= ROWS_A_WRITE:
                self._store(call, rows, marks)
                rows, marks = [], []
        self._store(call, rows, marks)

    def _store(self, call: Call, rows: Sequence[tuple[int, Candidate]], marks: Sequence[Mark]) -> None:
        if rows:
            self._homes.write(call, rows)
        if marks:
            self._graph.mark_backfilled(call, marks)
            self._metrics.backfills.inc(len(marks))
