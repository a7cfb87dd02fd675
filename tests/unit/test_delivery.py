"""Stage 2 of fan-out: which rows are written, in how many writes, and where a job goes on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    def __init__(self, followers: Mapping[int, Sequence[int]]) -> None:
        self._followers = followers

    def follower_ids(self, _call: Call, pages: Iterable[FollowerPage]) -> Iterator[tuple[Sequence[int], bool]]:
        for page in pages:
            ids = [id_ for id_ in self._followers[page.author_id] if id_ > page.after][: page.limit]
            yield ids, len(ids) < page.limit


class AllActive:
    def active_at(self, call: Call, user_ids: Sequence[int]) -> Mapping[int, int]:
        return dict.fromkeys(user_ids, call.runtime.now_ms())


class Bench:
    """`followers`: of each author; he makes one post, with his id plus 100."""

    def __init__(self, followers: Mapping[int, Sequence[int]]) -> None:
        self.clock, self.homes, self._followers = SetClock(), Homes(), followers
        homes, graph, states = self.homes, Graph(followers), AllActive()
        parts: list[Any] = [homes, states, graph]
        self._delivery = Delivery(
            SMALL_LANE, *parts, Metrics(), FanoutSettings(page_size=PAGE_SIZE), TimelineSettings()
        )
        self.wanted = {(user_id, author + 100) for author, ids in followers.items() for user_id in ids}

    def handle(self) -> None:
        self._delivery.handle(Call.background(self.clock, 600), [self._event(author) for author in self._followers])

    def _event(self, author: int) -> Received:
        envelope = events_pb2.Envelope()
        envelope.delivery_job.author_id = author
        envelope.delivery_job.candidate = Candidate(author + 100, author, 0, 0, 1).encode()
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
