"""Rebuilds: a home that fan-out has skipped, or that an operator asks for, is read anew from followees' posts.

active_at is set before the request is on the log, so fan-out writes into the home while this reads; complete_since is
set last. (Model-checked: ids read before active_at is set, or complete_since set before the rows are, loses posts.)
"""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.eventlog.consume import Received
from murmuration_server.eventlog.port import NewRecord
from murmuration_server.graph.client import GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import FanoutSettings, TimelineSettings
from murmuration_server.platform.ids import floor_id
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.client import HomeStateClient
from murmuration_server.timeline.store import HomeStore
from murmuration_server.tweets.client import Candidate, TweetClient

AUTHORS_AT_ONCE = 200


class Rebuilder:
    def __init__(
        self,
        graph: GraphClient,
        tweets: TweetClient,
        homes: HomeStore,
        states: HomeStateClient,
        metrics: Metrics,
        fanout: FanoutSettings,
        timeline: TimelineSettings,
    ) -> None:
        self._graph, self._tweets, self._homes, self._states = graph, tweets, homes, states
        self._metrics, self._fanout, self._timeline = metrics, fanout, timeline

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        # Of several requests for one home only the last can be completed.
        last = {event.envelope.rebuild_requested.user_id: event.envelope.rebuild_requested for event in events}
        for request in last.values():
            self._rebuild(call, request.user_id, request.requested_at_ms)
        return []

    def _rebuild(self, call: Call, user_id: int, requested_at_ms: int) -> None:
        followees = sorted(self._graph.relations(call, user_id).following)
        candidates, complete_since = self._read(call, followees)
        self._homes.write(call, [(user_id, candidate) for candidate in candidates])
        completed = self._states.complete_rebuild(call, user_id, requested_at_ms, complete_since)
        self._metrics.rebuilds.labels("done" if completed else "superseded").inc()

    def _read(self, call: Call, followees: Sequence[int]) -> tuple[list[Candidate], int]:
        """The newest candidates of all, and the id from which on they are all."""
        size = self._fanout.rebuild_size
        from_id = floor_id(call.runtime.now_ms() - self._timeline.horizon_ms)
        newest: list[Candidate] = []
        floor = 0
        for start in range(0, len(followees), AUTHORS_AT_ONCE):
            authors = [(author, 0) for author in followees[start : start + AUTHORS_AT_ONCE]]
            for candidates, exhausted in self._tweets.older(call, authors, from_id, size).values():
                newest += candidates
                if not exhausted:
                    floor = max(floor, candidates[-1].tweet_id)
            newest.sort(reverse=True)
            if len(newest) > size:
                floor = max(floor, newest[size - 1].tweet_id)
                del newest[size:]
        return [candidate for candidate in newest if candidate.tweet_id >= floor], floor
