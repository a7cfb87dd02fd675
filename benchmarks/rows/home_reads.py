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
from collections.abc import Callable, Sequence
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.intervals import median_of, percentile
from benchmarks.load import Generator, Plan, Request
from benchmarks.people import People, converse, home_requests, post_requests, settle
from benchmarks.reading import IN_FLIGHT, Window, captured, check_pages, median_cpu, reading
from benchmarks.results import Row
from benchmarks.system import BareServer, Murmurd
from loadtest.graphs import synthetic

NAMES = ("home-reads", "home-reads-while-posting")
POSTS_EACH = 20
THREADS = (1, 4, 8, 16)
POSTS_PER_SECOND, POSTS_IN_FLIGHT = 500.0, 64


def measure(bench: Bench) -> list[Row]:
    with ExitStack() as stack:
        system = stack.enter_context(bench.murmurd())
        people = _populate(bench, system)
        requests = home_requests(people.readers(bench.size(4000, 200)))
        bench.generator.make_all(system.target, requests)
        replies, client_ceiling = captured(system.target, requests)
        check_pages(replies)
        sides: dict[str, Callable[[], Window]] = {}
        for threads in THREADS:
            bare = BareServer(threads, replies)
            stack.callback(bare.close)
            sides[f"bare, {threads} threads"] = reading(bench, bare.target, [bare.pid], requests)
        sides["home"] = reading(bench, system.target, [system.serving_pid], requests)
        poster = bench.second_generator(stack)
        sides["home while posting"] = _reading_while_posting(bench, system, requests, people, poster)
        with bench.measuring(system):
            measured = bench.interleave(sides)
        return _rows(measured, statistics.mean(map(len, replies)), client_ceiling)


def _populate(bench: Bench, system: Murmurd) -> People:
    count, rng = bench.size(1000, 60), bench.rng("home reads")
    bench.say(f"{count} accounts, their follows, and posts")
    people = settle(system, synthetic(count, bench.size(50, 20), seed=1))
    bench.generator.make_all(system.target, post_requests(rng, [*people.ids] * POSTS_EACH))
    converse(system.client, rng, people.ids, bench.size(600, 20))
    system.await_delivered()
    return people


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
        read = reading(bench, system.target, [system.serving_pid], requests)()
        posted = posting.result().must_be_clean()
        system.await_delivered()
        # The posts have made other pages of them all: the next window is warm again.
        bench.generator.make_all(system.target, list({request.actor: request for request in requests}.values()))
        share = min(1.0, posted.calls / (POSTS_PER_SECOND * seconds))
        return Window(read.tally, read.cpu_seconds, posted, share)

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
        "bare_cpu_us_a_call": median_cpu(measured[best]),
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
        "serving_cpu_us_a_read": median_cpu(measured[side]),
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
