"""Fan-out. Stage 1 cuts a post's delivery into jobs, one a follower shard; stage 2 writes them into homes page by page.

Small authors' jobs run in a lane of their own, so nobody waits behind a celebrity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from murmuration_server.eventlog.consume import Received
from murmuration_server.eventlog.port import NewRecord
from murmuration_server.graph.client import FollowerPage, GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import FanoutSettings, TimelineSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.activity import ActiveReaders
from murmuration_server.timeline.events import delivery_job
from murmuration_server.timeline.store import JOB_DONE, HomeStateStore, HomeStore, Progress
from murmuration_server.tweets.client import Candidate, Mode, TweetClient, decode

FLUSH_ROWS = 5000
"""At most so many rows are written at once, or one page of followers where that is more."""
Row = tuple[int, Candidate]
"""User, and what his home is to hold."""


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
        self._lane, self._homes, self._graph = lane, homes, graph
        self._metrics, self._fanout = metrics, fanout
        self._active = ActiveReaders(states.active_at, timeline)
        self._finished: list[Progress] = []

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        # Those are committed by now, and come no more.
        forget, self._finished = self._finished, []
        jobs = [_Job.of(event) for event in events]
        points = self._homes.progress(call, [(job.post.tweet_id, job.shard) for job in jobs])
        begun = list(zip(jobs, points, strict=True))
        self._finished += [job.at(after) for job, after in begun if after == JOB_DONE]
        together = self._together((job, after) for job, after in begun if after != JOB_DONE)
        first_pages = self._graph.follower_ids(call, [page for page, _ in together])
        rows: list[Row] = []
        for (_, same), (followers, exhausted) in zip(together, first_pages, strict=True):
            rows = self._deliver(call, same, followers, exhausted, rows)
        self._write(call, rows, [], forget)
        now = call.runtime.now_ms()
        for event in events:
            seconds = max(0, now - event.record.origin_ms) / 1000
            self._metrics.post_to_stored_seconds.labels(self._lane).observe(seconds)
        return []

    def _together(self, due: Iterable[tuple[_Job, int]]) -> list[tuple[FollowerPage, list[_Job]]]:
        """Jobs that come to the same followers next, by their page: an author's posts that have waited are delivered
        with one read of his followers, and one prepend to each head. Not more at once than are written at once."""
        by_page: dict[FollowerPage, list[_Job]] = {}
        for job, after in due:
            by_page.setdefault(job.page(after, self._fanout.page_size), []).append(job)
        most = max(1, FLUSH_ROWS // self._fanout.page_size)
        return [
            (page, jobs[start : start + most]) for page, jobs in by_page.items() for start in range(0, len(jobs), most)
        ]

    def _deliver(
        self, call: Call, jobs: Sequence[_Job], followers: Sequence[int], exhausted: bool, rows: list[Row]
    ) -> list[Row]:
        """Adds the rows of the first page of jobs with the same followers to those that wait to be written; where there
        are many, or more pages, writes them, with the points at which the jobs go on. A step that ends in between
        begins again at those points; jobs whose rows were all among those it writes again: a point for each of them
        would be another write."""
        if rows and len(rows) + len(followers) * len(jobs) > FLUSH_ROWS:
            self._write(call, rows, [])
            rows = []
        rows += _rows(followers, jobs)
        if exhausted and len(rows) < FLUSH_ROWS:
            return rows
        while True:
            after = JOB_DONE if exhausted else followers[-1]
            points = [job.at(after) for job in jobs]
            self._write(call, rows, points)
            if exhausted:
                self._finished += points
                return []
            page = jobs[0].page(after, self._fanout.page_size)
            [(followers, exhausted)] = self._graph.follower_ids(call, [page])
            rows = _rows(followers, jobs)

    def _write(
        self, call: Call, rows: Sequence[Row], progress: Sequence[Progress], forget: Sequence[Progress] = ()
    ) -> None:
        """But for those who have not read for long."""
        users = sorted({user_id for user_id, _ in rows})
        found = self._active.among(call, users)
        wanted = len(rows)
        if len(found) < len(users):
            among = frozenset(found)
            rows = [row for row in rows if row[0] in among]
        # Also where nobody was skipped: a figure that is not there tells nobody that it is nought.
        self._metrics.skipped_inactive.labels(self._lane).inc(wanted - len(rows))
        self._homes.write(call, rows, progress, forget)
        self._metrics.deliveries.labels(self._lane).inc(len(rows))


class _Job(NamedTuple):
    """One post for one shard of its author's followers."""

    author_id: int
    shard: int
    post: Candidate

    @classmethod
    def of(cls, event: Received) -> _Job:
        job = event.envelope.delivery_job
        return cls(job.author_id, job.follower_shard, decode(job.candidate))

    def page(self, after: int, limit: int) -> FollowerPage:
        return FollowerPage(self.author_id, self.shard, after, limit)

    def at(self, after: int) -> Progress:
        return Progress(self.post.tweet_id, self.shard, after)


def _rows(followers: Iterable[int], jobs: Sequence[_Job]) -> list[Row]:
    """One post's beside one another: of these a SQLite store makes one step."""
    return [(follower, job.post) for job in jobs for follower in followers]
