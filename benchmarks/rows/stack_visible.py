"""From a post until it can be seen in a follower's home, through Kafka, at half load.

System: one process of each role on a Cassandra node, a Kafka broker and three Memcached nodes; all calls go through the
gateway. Probes and half load are as in the row for `murmurd up`: first, in a closed loop of 32 calls, what the system
takes of the everyday mix (99 reads of a first page to a post) is measured; then half as many calls a second come at
fixed times from another process, while probes post as authors with ten followers and read a follower's home until the
post is in it. Times run from when a probe should have begun. The p99 is that of all probes of all rounds.
"""

from __future__ import annotations

import statistics
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.large_world import build
from benchmarks.load import Plan
from benchmarks.people import home_requests
from benchmarks.probing import Probing, row_of_probes
from benchmarks.results import Row

NAMES = ("stack-visible-half-load",)
LARGE_FOLLOWERS, ACCOUNTS = 300, 200
"""Nobody posts as the large author here."""
ROUND_SECONDS = 10.0
FULL_SECONDS = 3.0
PROBES_PER_SECOND = 5.0
PROBES_AT_ONCE = 8
LOOK_SECONDS = 0.02
MOST_IN_FLIGHT = 256


def measure(bench: Bench) -> list[Row]:
    with ExitStack() as stack:
        system = stack.enter_context(bench.deployed())
        world = build(bench, system, LARGE_FOLLOWERS, ACCOUNTS)
        pool = stack.enter_context(ThreadPoolExecutor(PROBES_AT_ONCE))
        bench.generator.make_all(system.target, home_requests(world.ordinary.ids))
        bench.say("what it takes at full load")
        count, window = bench.size(5_000, 500), bench.seconds(FULL_SECONDS)
        full = [
            bench.generator.run(Plan(system.target, world.ordinary.mixed(count), window, once=True)) for _ in range(3)
        ]
        half = statistics.median(tally.per_second for tally in full) / 2
        seconds = bench.seconds(ROUND_SECONDS, 2.0)
        probing = Probing(seconds, PROBES_PER_SECOND, LOOK_SECONDS)

        def at_half_load() -> list[float]:
            requests = world.ordinary.mixed(int(half * seconds) + 1)
            loading = bench.generator.begin(
                Plan(system.target, requests, seconds, MOST_IN_FLIGHT, per_second=half, warm_seconds=0.0)
            )
            times = probing.run(world, pool)
            loading.result().must_be_clean()
            system.await_delivered()
            return times

        with bench.measuring(system, "relay-0", "fanout-0"):
            measured = bench.interleave({"half load": at_half_load})["half load"]
    detail: dict[str, float | str] = {"half_load_calls_per_second": half, "mix": "everyday"}
    return [row_of_probes(NAMES[0], measured, detail)]
