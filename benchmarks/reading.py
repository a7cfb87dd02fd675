"""Windows of home reads, of a system or of a bare server that hands out the same bytes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.bench import Bench
from benchmarks.load import Plan, Request, Tally
from benchmarks.machine import cpu_seconds
from murmuration.v1 import timeline_pb2

IN_FLIGHT = 32
CALL_SECONDS = 10.0
PAGE_ITEMS = 20


@dataclass(frozen=True, slots=True)
class Window:
    """What one window measured. `cpu_seconds`: of the servers. `posted`, `share_posted`: what was posted meanwhile, and
    what share of that which should have been."""

    tally: Tally
    cpu_seconds: float
    posted: Tally | None = None
    share_posted: float = 1.0

    @property
    def cpu_us_a_call(self) -> float:
        return self.cpu_seconds / max(1, self.tally.calls) * 1e6


def captured(target: str, requests: Sequence[Request]) -> tuple[list[bytes], float]:
    """The replies to these calls, as bytes, by a grpcio client; and how many such calls a second that client could make
    with the whole of one core."""
    with grpc.insecure_channel(target) as channel:
        methods: dict[str, Any] = {path: channel.unary_unary(path) for path in {request.path for request in requests}}
        began = time.process_time()
        replies = [
            methods[request.path](
                request.payload, timeout=CALL_SECONDS, metadata=(("murmuration-actor-id", str(request.actor)),)
            )
            for request in requests
        ]
        return replies, len(replies) / (time.process_time() - began)


def check_pages(replies: Sequence[bytes]) -> None:
    """Pages are what the goal says: 20 items, each with its counts, and all users."""
    for page in map(timeline_pb2.ListHomeTimelineResponse.FromString, replies):
        assert len(page.items) == PAGE_ITEMS, f"a page has {len(page.items)} items"
        assert all(item.HasField("counts") for item in page.items)
        assert {item.tweet.author_id for item in page.items} <= {user.user_id for user in page.users}


def reading(bench: Bench, target: str, pids: Sequence[int], requests: Sequence[Request]) -> Callable[[], Window]:
    """What makes one window. `pids`: whose processor time counts."""

    def used() -> float:
        return sum(map(cpu_seconds, pids))

    def window() -> Window:
        # A run of its own warms up: its CPU time must not count either.
        bench.generator.run(Plan(target, requests, bench.seconds(0.3, 0.1), IN_FLIGHT, warm_seconds=0.0))
        before = used()
        tally = bench.generator.run(Plan(target, requests, bench.seconds(1.5), IN_FLIGHT, warm_seconds=0.0))
        return Window(tally, used() - before)

    return window


def median_cpu(windows: Sequence[Window]) -> float:
    """Microseconds a call."""
    return statistics.median(window.cpu_us_a_call for window in windows)
