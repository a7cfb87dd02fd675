"""From a post until it can be seen: in a follower's home, at half load; and a small author's beside a large delivery.

A probe posts as one of twenty authors with ten followers each and reads a follower's home, again and again with the
pause below, until the post is in it. The time runs from the moment at which the post should have begun (probes have
fixed times, so one that waits for another counts its wait) until the answer that shows it. The p99 is that of all
probes of all rounds.

Half load: first, in a closed loop of 32 calls, what the system takes of the everyday mix (99 reads of a first page to a
post), is measured; then half as many calls a second come at fixed times from another process, while probes run. Beside
a large delivery: another process posts as the author with 28,459 followers, four times a second, which is about as much
as can be delivered, so that the large lane is hardly ever empty.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.failures import TookTooLong
from benchmarks.intervals import percentile, pooled_percentile, resampled
from benchmarks.large_world import LargeWorld, build
from benchmarks.load import Plan
from benchmarks.people import home_requests, post_requests
from benchmarks.results import Row

NAMES = ("visible-half-load", "visible-beside-large")
SHARE = 0.99
ROUND_SECONDS = 5.0
PROBES_PER_SECOND = 20.0
PROBES_AT_ONCE = 4
LOOK_SECONDS = 0.005
SEEN_SECONDS = 60.0
LARGE_PER_SECOND = 4.0
MOST_IN_FLIGHT = 256


def measure(bench: Bench) -> list[Row]:
    with ExitStack() as stack:
        system = stack.enter_context(bench.murmurd())
        world = build(bench, system)
        pool = stack.enter_context(ThreadPoolExecutor(PROBES_AT_ONCE))
        bench.generator.make_all(system.target, home_requests(world.ordinary.ids))
        bench.say("what it takes at full load")
        full = [
            bench.generator.run(
                Plan(system.target, world.ordinary.mixed(bench.size(20_000, 500)), bench.seconds(1.5), once=True)
            )
            for _ in range(3)
        ]
        half = statistics.median(tally.per_second for tally in full) / 2
        large = post_requests(bench.rng("large"), [world.large] * 10_000)

        def at_half_load() -> list[float]:
            seconds = _seconds(bench)
            requests = world.ordinary.mixed(int(half * seconds) + 1)
            return beside(Plan(system.target, requests, seconds, MOST_IN_FLIGHT, per_second=half, warm_seconds=0.0))

        def beside_a_delivery() -> list[float]:
            count = int(_seconds(bench) * LARGE_PER_SECOND)
            requests = [large.pop() for _ in range(count)]
            return beside(Plan(system.target, requests, _seconds(bench), per_second=LARGE_PER_SECOND, warm_seconds=0.0))

        def beside(plan: Plan) -> list[float]:
            loading = bench.generator.begin(plan)
            times = _probe(bench, world, pool)
            loading.result().must_be_clean()
            system.await_delivered()
            return times

        with bench.measuring(system):
            measured = bench.interleave({"half load": at_half_load, "beside a large delivery": beside_a_delivery})
    detail: dict[str, float | str] = {"half_load_calls_per_second": half, "mix": "everyday"}
    half_load, beside_large = measured.values()
    return [
        _row("visible-half-load", half_load, detail),
        _row("visible-beside-large", beside_large, {"large_posts_per_second": LARGE_PER_SECOND}),
    ]


def _seconds(bench: Bench) -> float:
    return bench.seconds(ROUND_SECONDS, 1.0)


def _probe(bench: Bench, world: LargeWorld, pool: ThreadPoolExecutor) -> list[float]:
    """Probes at fixed times for one round. Seconds from when each should have begun until its post was seen."""
    began, authors = time.perf_counter(), list(world.small)
    count = int(_seconds(bench) * PROBES_PER_SECOND)

    def one(number: int) -> float:
        intended = began + number / PROBES_PER_SECOND
        time.sleep(max(0.0, intended - time.perf_counter()))
        author = authors[number % len(authors)]
        follower = world.small[author][number % len(world.small[author])]
        return _post_and_see(world, author, follower) - intended

    return list(pool.map(one, range(count)))


def _post_and_see(world: LargeWorld, author: int, follower: int) -> float:
    """Answers the moment at which the follower's home has shown the post."""
    client = world.system.client
    posted = client.acting_as(author).create_tweet("Can you see this?").tweet_id
    reader, deadline = client.acting_as(follower), time.perf_counter() + SEEN_SECONDS
    while True:
        page = reader.home_page(since_tweet_id=posted - 1)
        if any(item.tweet.tweet_id == posted for item in page.items):
            return time.perf_counter()
        if time.perf_counter() > deadline:
            raise TookTooLong(f"After {SEEN_SECONDS:g} s a post is not in a follower's home.")
        time.sleep(LOOK_SECONDS)


def _row(name: str, measured: Sequence[list[float]], detail: Mapping[str, float | str]) -> Row:
    everything = [seconds for times in measured for seconds in times]
    figures = {
        "p50_s": percentile(everything, 0.5),
        "greatest_s": max(everything),
        "probes": len(everything),
        **detail,
    }
    series = {"p99": [percentile(times, SHARE) for times in measured]}
    return Row(name, resampled(measured, pooled_percentile(SHARE)), len(measured), figures, series)
