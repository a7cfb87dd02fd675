"""Stage 2 of fan-out: which rows are written, in how many writes, and where a job goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import pytest

from murmuration.events.v1 import events_pb2
from murmuration_server.eventlog.consume import Received
from murmuration_server.eventlog.envelope import SMALL_LANE
from murmuration_server.eventlog.port import Record
from murmuration_server.graph.client import FollowerPage
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import FanoutSettings, TimelineSettings
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline import fanout
from murmuration_server.timeline.fanout import Delivery
from murmuration_server.timeline.store import JOB_DONE, Progress
from murmuration_server.tweets.candidate import Candidate
from tests.support.contract_clock import SetClock

PAGE_SIZE = 3


class Homes:
    """Keeps what each write held. `fails_at`: which write fails, from 1 on."""

    def __init__(self) -> None:
        self.writes: list[list[tuple[int, int]]] = []
        self.points: dict[tuple[int, int], int] = {}
        self.fails_at = 0

    @property
    def rows(self) -> set[tuple[int, int]]:
        return {row for write in self.writes for row in write}

    def progress(self, _call: Call, jobs: Sequence[tuple[int, int]]) -> list[int]:
        return [self.points.get(job, 0) for job in jobs]

    def write(
        self,
        _call: Call,
        rows: Sequence[tuple[int, Candidate]],
        progress: Sequence[Progress] = (),
        forget: Sequence[Progress] = (),
    ) -> None:
        if len(self.writes) + 1 == self.fails_at:
            self.fails_at = 0
            raise Unavailable("the homes")
        if rows:
            self.writes.append([(user_id, candidate.tweet_id) for user_id, candidate in rows])
        for done in forget:
            self.points.pop((done.tweet_id, done.shard), None)
        for point in progress:
            self.points[point.tweet_id, point.shard] = point.after


class Graph:
    """`read`: the pages, each as often as it was asked for."""

    def __init__(self, followers: Mapping[int, Sequence[int]]) -> None:
        self._followers = followers
        self.read: list[FollowerPage] = []

    def follower_ids(self, _call: Call, pages: Iterable[FollowerPage]) -> Iterator[tuple[Sequence[int], bool]]:
        for page in pages:
            self.read.append(page)
            ids = [id_ for id_ in self._followers[page.author_id] if id_ > page.after][: page.limit]
            yield ids, len(ids) < page.limit


class AllActive:
    def active_at(self, call: Call, user_ids: Sequence[int]) -> Mapping[int, int]:
        return dict.fromkeys(user_ids, call.runtime.now_ms())


class Bench:
    """`followers`: of each author; he makes `posts` posts, the first with his id plus 100, each next with 100 more."""

    def __init__(self, followers: Mapping[int, Sequence[int]], posts: int = 1) -> None:
        self.clock, self.homes, self.graph = SetClock(), Homes(), Graph(followers)
        parts: list[Any] = [self.homes, AllActive(), self.graph]
        self._delivery = Delivery(
            SMALL_LANE, *parts, Metrics(), FanoutSettings(page_size=PAGE_SIZE), TimelineSettings()
        )
        self._posts = [(author, author + 100 * number) for number in range(1, posts + 1) for author in followers]
        self.wanted = {(user_id, post) for author, post in self._posts for user_id in followers[author]}

    def handle(self) -> None:
        self._delivery.handle(Call.background(self.clock, 600), [self._event(*post) for post in self._posts])

    def _event(self, author: int, post: int) -> Received:
        envelope = events_pb2.Envelope()
        envelope.delivery_job.author_id = author
        envelope.delivery_job.candidate = Candidate(post, author, 0, 0, 1).encode()
        return Received(Record(SMALL_LANE, 0, author, author, self.clock.ms, b""), envelope)


def test_small_jobs_are_written_together() -> None:
    bench = Bench({1: [11, 12], 2: [11], 3: [12, 13]})
    bench.handle()
    assert bench.homes.rows == bench.wanted
    assert len(bench.homes.writes) == 1
    assert bench.homes.points == {}, "their records are committed next: no point is needed"


def test_many_rows_are_written_in_several_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "FLUSH_ROWS", 3)
    bench = Bench({1: [11, 12], 2: [11], 3: [12]})
    bench.handle()
    assert bench.homes.rows == bench.wanted
    assert [len(write) for write in bench.homes.writes] == [3, 1]


def test_a_job_of_several_pages_goes_on_where_it_failed() -> None:
    bench = Bench({1: [11], 2: [11, 12, 13, 14, 15, 16, 17], 3: [12]})
    bench.homes.fails_at = 2
    with pytest.raises(Unavailable):
        bench.handle()
    assert bench.homes.points == {(102, 0): 13}
    bench.handle()
    assert bench.homes.rows == bench.wanted
    written = [row for write in bench.homes.writes for row in write if row[1] == 102]
    assert len(written) == len(set(written)), "no page of it twice"
    assert bench.homes.points == {(102, 0): JOB_DONE}
    bench.handle()
    assert bench.homes.points == {}, "it is forgotten with the next batch"


def test_posts_of_one_author_are_delivered_together() -> None:
    """His followers are read once, and what one of them gets is written at once."""
    bench = Bench({1: [11, 12, 13, 14], 2: [11]}, posts=3)
    bench.handle()
    assert bench.homes.rows == bench.wanted
    assert sorted((page.author_id, page.after) for page in bench.graph.read) == [(1, 0), (1, 13), (2, 0)]
    assert [len(write) for write in bench.homes.writes] == [3 * 3, 3 * 1, 3 * 1]
    assert bench.homes.points == {(101, 0): JOB_DONE, (201, 0): JOB_DONE, (301, 0): JOB_DONE}


def test_very_many_posts_of_one_author_are_delivered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fanout, "FLUSH_ROWS", 2 * PAGE_SIZE)
    bench = Bench({1: [11, 12, 13, 14]}, posts=5)
    bench.handle()
    assert bench.homes.rows == bench.wanted
    assert max(len(write) for write in bench.homes.writes) == 2 * PAGE_SIZE


def test_posts_of_one_author_go_on_where_each_of_them_is() -> None:
    """As when a batch failed whose last post had only just come to the log."""
    bench = Bench({1: [11, 12, 13, 14]}, posts=3)
    bench.homes.points = {(101, 0): 13, (201, 0): JOB_DONE}
    bench.handle()
    written = [row for write in bench.homes.writes for row in write]
    assert sorted(written) == [(11, 301), (12, 301), (13, 301), (14, 101), (14, 301)]


def test_no_write_is_larger_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is written before what would make it too much."""
    monkeypatch.setattr(fanout, "FLUSH_ROWS", PAGE_SIZE)
    bench = Bench({1: [11, 12], 2: [11, 12, 13], 3: [11]})
    bench.handle()
    assert bench.homes.rows == bench.wanted
    assert [len(write) for write in bench.homes.writes] == [2, 3, 1]


def test_one_posts_rows_follow_one_another() -> None:
    """Of those a SQLite store makes one step."""
    bench = Bench({1: [11, 12], 2: [11, 12]}, posts=3)
    bench.handle()
    [rows] = bench.homes.writes
    assert len([post for post, _ in groupby(post for _, post in rows)]) == 6
