"""Fan-out. Stage 1 cuts a post's delivery into jobs, one a follower shard; stage 2 writes them into homes page by page.

Small authors' jobs run in a lane of their own, so nobody waits behind a celebrity.
"""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.eventlog.consume import Received
from murmuration_server.eventlog.port import NewRecord
from murmuration_server.graph.client import GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import FanoutSettings, TimelineSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.activity import active
from murmuration_server.timeline.events import delivery_job
from murmuration_server.timeline.store import JOB_DONE, HomeStateStore, HomeStore, Progress
from murmuration_server.tweets.client import Candidate, Mode, TweetClient, decode

FLUSH_ROWS = 5000


class DeliveryPlanner:
    """Stage 1. Obeys the stamp: a PULL post has no jobs."""

    def __init__(self, graph: GraphClient, tweets: TweetClient, settings: FanoutSettings) -> None:
        self._graph, self._tweets, self._settings = graph, tweets, settings

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        kinds = [event.envelope.WhichOneof("payload") for event in events]
        deleted = [event for event, kind in zip(events, kinds, strict=True) if kind == "tweet_deleted"]
        if deleted:
            self._tweets.finish_deletes(call, [event.envelope.tweet_deleted.tweet_id for event in deleted])
        created = [event for event, kind in zip(events, kinds, strict=True) if kind == "tweet_created"]
        return self._plan(call, created) if created else []

    def _plan(self, call: Call, created: Sequence[Received]) -> list[NewRecord]:
        # A writer's batch may become visible row by row: the post must be readable before its followers are read.
        self._tweets.restore(call, [event.envelope.tweet_created for event in created])
        pushed = [event for event in created if event.envelope.tweet_created.mode == Mode.PUSH]
        authors = list(dict.fromkeys(event.envelope.tweet_created.author_id for event in pushed))
        deliveries = self._graph.deliveries(call, authors) if authors else {}
        jobs = []
        for event in pushed:
            tweet = event.envelope.tweet_created
            delivery = deliveries[tweet.author_id]
            large = delivery.followers > self._settings.large_followers
            jobs += [
                delivery_job(event.envelope, tweet.author_id, tweet.candidate, shard, large=large)
                for shard in range(delivery.shards)
            ]
        return jobs


class Delivery:
    """Stage 2, for one lane."""

    def __init__(
        self,
        lane: str,
        homes: HomeStore,
        states: HomeStateStore,
        graph: GraphClient,
        metrics: Metrics,
        fanout: FanoutSettings,
        timeline: TimelineSettings,
    ) -> None:
        self._lane, self._homes, self._states, self._graph = lane, homes, states, graph
        self._metrics, self._fanout, self._timeline = metrics, fanout, timeline
        self._finished: list[Progress] = []

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        # Those are committed by now, and come no more.
        forget, self._finished = self._finished, []
        rows: list[tuple[int, Candidate]] = []
        for event in events:
            job = event.envelope.delivery_job
            rows = self._deliver(call, job.author_id, decode(job.candidate), job.follower_shard, rows)
        self._homes.write(call, rows, [], forget)
        self._metrics.deliveries.labels(self._lane).inc(len(rows))
        now = call.runtime.now_ms()
        for event in events:
            seconds = max(0, now - event.record.origin_ms) / 1000
            self._metrics.post_to_stored_seconds.labels(self._lane).observe(seconds)
        return []

    def _deliver(
        self, call: Call, author_id: int, candidate: Candidate, shard: int, rows: list[tuple[int, Candidate]]
    ) -> list[tuple[int, Candidate]]:
        """Adds one job's rows to those that wait to be written; where there are many, writes them, with the point at
        which the job goes on. A step that ends in between begins again at that point."""
        after = self._homes.progress(call, candidate.tweet_id, shard)
        if after == JOB_DONE:
            self._finished.append(Progress(candidate.tweet_id, shard, after))
            return rows
        exhausted, pages = False, 0
        while not exhausted:
            followers, exhausted = self._graph.follower_ids(call, author_id, shard, after, self._fanout.page_size)
            rows += [(follower, candidate) for follower in self._active(call, followers)]
            pages += 1
            if exhausted and pages == 1 and len(rows) < FLUSH_ROWS:
                return rows
            after = JOB_DONE if exhausted else followers[-1]
            point = Progress(candidate.tweet_id, shard, after)
            self._homes.write(call, rows, [point])
            self._metrics.deliveries.labels(self._lane).inc(len(rows))
            rows = []
        self._finished.append(point)
        return rows

    def _active(self, call: Call, followers: Sequence[int]) -> Sequence[int]:
        now = call.runtime.now_ms()
        found = active(followers, lambda ids: self._states.active_at(call, ids), now, self._timeline)
        self._metrics.skipped_inactive.labels(self._lane).inc(len(followers) - len(found))
        return found
