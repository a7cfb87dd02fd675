"""Posts a second that are acked while Kafka is down, beside those with it.

System: one process of each role on a Cassandra node, a Kafka broker and three Memcached nodes; all calls go through the
gateway. One window with the log: 16 calls at a time, each a post of an ordinary account of the workload model, for six
seconds, while the posts are published and delivered. One window without: the broker is killed (SIGKILL) and the window
begins at that moment. Afterwards the broker is started again, and the next window begins when nothing waits any more.
No call may fail. In both windows all servers and roles share the cores; while Kafka is down nothing is delivered, which
leaves more of them to the posts.
"""

from __future__ import annotations

import statistics

from benchmarks.bench import Bench
from benchmarks.intervals import median_of, percentile
from benchmarks.load import Plan, Tally
from benchmarks.people import settle
from benchmarks.results import Row
from loadtest.graphs import synthetic

NAMES = ("stack-posts-without-log",)
ACCOUNTS, MEAN_FOLLOWERS = 400, 10
ROUNDS = 5
"""Each ends with the start of a broker."""
WINDOW_SECONDS, WARM_SECONDS = 6.0, 1.0
IN_FLIGHT = 16
MOST_POSTS_PER_SECOND = 2_000
"""More than such a system takes: each post is made once, and they must last for the window."""


def measure(bench: Bench) -> list[Row]:
    with bench.deployed() as system:
        people = settle(system, synthetic(bench.size(ACCOUNTS, 60), MEAN_FOLLOWERS, seed=2))

        def window(seconds: float) -> Tally:
            posts = people.posts(int(seconds * MOST_POSTS_PER_SECOND))
            return bench.generator.run(Plan(system.target, posts, seconds, IN_FLIGHT, warm_seconds=0.0))

        def beside() -> Tally:
            window(bench.seconds(WARM_SECONDS))
            tally = window(bench.seconds(WINDOW_SECONDS, 2.0))
            system.await_delivered()
            return tally

        def without() -> Tally:
            kafka = system.stack.kafka.process
            kafka.kill()
            try:
                return window(bench.seconds(WINDOW_SECONDS, 2.0))
            finally:
                kafka.start()
                system.await_delivered()

        with bench.measuring(system, "tweets-0"):
            measured = bench.interleave({"with Kafka": beside, "without": without}, min(bench.rounds, ROUNDS))
    rates = {name: [tally.per_second for tally in tallies] for name, tallies in measured.items()}
    ratios = [one / other for one, other in zip(rates["without"], rates["with Kafka"], strict=True)]
    detail: dict[str, float] = {"calls_in_flight": IN_FLIGHT}
    for name, tallies in measured.items():
        said = name.replace(" ", "_")
        detail[f"{said}_per_second"] = statistics.median(rates[name])
        detail[f"{said}_p99_ms"] = statistics.median(percentile(tally.latencies, 0.99) * 1000 for tally in tallies)
    return [Row(NAMES[0], median_of(ratios), len(ratios), detail, rates)]
