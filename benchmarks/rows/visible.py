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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.large_world import build
from benchmarks.load import Plan
from benchmarks.people import home_requests, post_requests
from benchmarks.probing import Probing, row_of_probes
from benchmarks.results import Row

NAMES = ("visible-half-load", "visible-beside-large")
ROUND_SECONDS = 5.0
PROBES_PER_SECOND = 20.0
PROBES_AT_ONCE = 4
LOOK_SECONDS = 0.005
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
        probing = Probing(_seconds(bench), PROBES_PER_SECOND, LOOK_SECONDS)
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
            times = probing.run(world, pool)
            loading.result().must_be_clean()
            system.await_delivered()
            return times

        with bench.measuring(system):
            measured = bench.interleave({"half load": at_half_load, "beside a large delivery": beside_a_delivery})
    detail: dict[str, float | str] = {"half_load_calls_per_second": half, "mix": "everyday"}
    half_load, beside_large = measured.values()
    return [
        row_of_probes("visible-half-load", half_load, detail),
        row_of_probes("visible-beside-large", beside_large, {"large_posts_per_second": LARGE_PER_SECOND}),
    ]


def _seconds(bench: Bench) -> float:
    return bench.seconds(ROUND_SECONDS, 1.0)
