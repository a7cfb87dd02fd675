"""Home reads a second beside a bare gRPC server, at rest and while posts are fanned out.

System: `murmurd up`; the process that answers is the serving process. 1,000 accounts of the workload model
(loadtest/workload.py) with 50 followers in the mean, 20 posts an account, then replies and reposts; readers are the
model's choice; every read is a first page of 20 items with users and counts. Warm: each reader has read his page
before, also after posts have made another one of it, and each window begins with 0.3 s that are not counted.

Bare: one process with grpcio's own server that answers the same readers' pages, captured from the real calls
beforehand, in the same order, and does nothing else. It runs with 1, 4, 8 and 16 threads, each in every round; the best
median is what counts. The load comes from a process of its own, in which a call costs a fraction of what it costs
either server (`generator_ceiling_per_second`: what it could make with a core of its own; beside it the same of a grpcio
client).

While posting: another process makes 500 CreateTweet calls a second, at fixed times, of authors of the model's choice;
the worker writes them into their followers' homes (50 rows a post in the mean). The posts' own calls are answered by
the same serving process; where it does not keep up, at most 64 of them are under way, and fewer are made. The ratio
then counts only in proportion to the posts that were made of the 500 (`posts_per_second`). The bare server beside it
has no posts to take.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import grpc

from benchmarks.bench import Bench
from benchmarks.intervals import median_of, percentile
from benchmarks.load import Generator, Plan, Request, Tally
from benchmarks.machine import cpu_seconds
from benchmarks.people import People, converse, home_requests, post_requests, settle
from benchmarks.results import Row
from benchmarks.system import BareServer, Murmurd
from loadtest.graphs import synthetic
from murmuration.v1 import timeline_pb2

NAMES = ("home-reads", "home-reads-while-posting")
POSTS_EACH = 20
THREADS = (1, 4, 8, 16)
POSTS_PER_SECOND, POSTS_IN_FLIGHT = 500.0, 64
IN_FLIGHT = 32
CALL_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Window:
    """What one window measured. `cpu_seconds`: of the server."""

    tally: Tally
    cpu_seconds: float
    posted: Tally | None = None
    share_posted: float = 1.0

    @property
    def cpu_us_a_call(self) -> float:
        return self.cpu_seconds / max(1, self.tally.calls) * 1e6


def measure(bench: Bench) -> list[Row]:
    with ExitStack() as stack:
        system = stack.enter_context(bench.murmurd())
        people = _populate(bench, system)
        requests = home_requests(people.readers(bench.size(4000, 200)))
        bench.generator.make_all(system.target, requests)
        replies, client_ceiling = captured(system.target, requests)
        _check(replies)
        sides: dict[str, Callable[[], Window]] = {}
        for threads in THREADS:
            bare = BareServer(threads, replies)
            stack.callback(bare.close)
            sides[f"bare, {threads} threads"] = _reading(bench, bare.target, bare.pid, requests)
        sides["home"] = _reading(bench, system.target, system.serving_pid, requests)
        poster = bench.second_generator(stack)
        sides["home while posting"] = _reading_while_posting(bench, system, requests, people, poster)
        with bench.measuring(system):
            measured = bench.interleave(sides)
        return _rows(measured, statistics.mean(map(len, replies)), client_ceiling)


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


def _populate(bench: Bench, system: Murmurd) -> People:
    count, rng = bench.size(1000, 60), bench.rng("home reads")
    bench.say(f"{count} accounts, their follows, and posts")
    people = settle(system, synthetic(count, bench.size(50, 20), seed=1))
    bench.generator.make_all(system.target, post_requests(rng, [*people.ids] * POSTS_EACH))
    converse(system.client, rng, people.ids, bench.size(600, 20))
    system.await_delivered()
    return people


def _check(replies: Sequence[bytes]) -> None:
    """Pages are what the goal says: 20 items, each with its counts, and all users."""
    for page in map(timeline_pb2.ListHomeTimelineResponse.FromString, replies):
        assert len(page.items) == 20, f"a page has {len(page.items)} items"
        assert all(item.HasField("counts") for item in page.items)
        assert {item.tweet.author_id for item in page.items} <= {user.user_id for user in page.users}


def _reading(bench: Bench, target: str, pid: int, requests: Sequence[Request]) -> Callable[[], Window]:
    def window() -> Window:
        # A run of its own warms up: its CPU time must not count either.
        bench.generator.run(Plan(target, requests, bench.seconds(0.3, 0.1), IN_FLIGHT, warm_seconds=0.0))
        before = cpu_seconds(pid)
        tally = bench.generator.run(Plan(target, requests, bench.seconds(1.5), IN_FLIGHT, warm_seconds=0.0))
        return Window(tally, cpu_seconds(pid) - before)

    return window


def _reading_while_posting(
    bench: Bench, system: Murmurd, requests: Sequence[Request], people: People, poster: Generator
) -> Callable[[], Window]:
    seconds = bench.seconds(0.3, 0.1) + bench.seconds(1.5) + 0.2

    def window() -> Window:
        posts = people.posts(int(POSTS_PER_SECOND * seconds) + 1)
        posting = poster.begin(
            Plan(
                system.target,
                posts,
                seconds,
                POSTS_IN_FLIGHT,
                per_second=POSTS_PER_SECOND,
                warm_seconds=0.0,
            )
        )
        reading = _reading(bench, system.target, system.serving_pid, requests)()
        posted = posting.result().must_be_clean()
        system.await_delivered()
        # The posts have made other pages of them all: the next window is warm again.
        bench.generator.make_all(system.target, list({request.actor: request for request in requests}.values()))
        share = min(1.0, posted.calls / (POSTS_PER_SECOND * seconds))
        return Window(reading.tally, reading.cpu_seconds, posted, share)

    return window


def _rows(measured: dict[str, list[Window]], reply_bytes: float, client_ceiling: float) -> list[Row]:
    rates = {name: [window.tally.per_second for window in windows] for name, windows in measured.items()}
    best = max(rates, key=lambda name: statistics.median(rates[name]) if name.startswith("bare") else 0.0)
    bare = {
        f"{name.replace(', ', '_').replace(' ', '_')}_per_second": statistics.median(rates[name])
        for name in rates
        if name.startswith("bare")
    }
    common = {
        **bare,
        "bare_best": best,
        "bare_per_second": statistics.median(rates[best]),
        "bare_cpu_us_a_call": _cpu(measured[best]),
        "generator_ceiling_per_second": statistics.median(window.tally.ceiling for window in measured[best]),
        "grpcio_client_ceiling_per_second": client_ceiling,
        "reply_bytes": reply_bytes,
    }
    return [
        _row(name, side, measured, rates, best, common)
        for name, side in zip(NAMES, ("home", "home while posting"), strict=True)
    ]


def _row(
    name: str,
    side: str,
    measured: dict[str, list[Window]],
    rates: dict[str, list[float]],
    best: str,
    common: dict[str, object],
) -> Row:
    detail = {
        "home_per_second": statistics.median(rates[side]),
        "serving_cpu_us_a_read": _cpu(measured[side]),
        "home_p50_ms": statistics.median(percentile(window.tally.latencies, 0.5) * 1000 for window in measured[side]),
        "home_p99_ms": statistics.median(percentile(window.tally.latencies, 0.99) * 1000 for window in measured[side]),
        "calls_in_flight": IN_FLIGHT,
    }
    posted = [window.posted for window in measured[side] if window.posted is not None]
    if posted:
        detail["posts_per_second"] = POSTS_PER_SECOND * statistics.median(
            window.share_posted for window in measured[side]
        )
        detail["post_p99_ms"] = statistics.median(percentile(tally.latencies, 0.99) * 1000 for tally in posted)
    ratios = [
        one / other * window.share_posted
        for one, other, window in zip(rates[side], rates[best], measured[side], strict=True)
    ]
    series = {"home": rates[side], "bare": rates[best]}
    return Row(name, median_of(ratios), len(ratios), {**detail, **common}, series)


def _cpu(windows: Sequence[Window]) -> float:
    return statistics.median(window.cpu_us_a_call for window in windows)
