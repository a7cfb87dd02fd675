"""Home reads a second of timeline processes with Memcached hits, beside bare gRPC servers.

System: two processes of the timeline role and one of each other role on a Cassandra node, a Kafka broker and three
Memcached nodes. 200 accounts of the workload model (loadtest/workload.py) with 50 followers in the mean, 6 posts an
account, then replies and reposts; readers are the model's choice; every read is a first page of 20 items with users and
counts. Each reader has read his page before, so his head, his relations, the posts and their counts are in Memcached.
Calls go to the timeline process itself; the same through the gateway is in the details.

Bare: grpcio's own server in a process of its own, which answers the same readers' pages, captured from the real calls
beforehand, in the same order, and does nothing else. It runs with several numbers of threads, each in every round; the
best median is what counts.

Two timeline processes, to which connections go in turns, stand beside two bare servers: their rate is compared with the
sum of what both bare servers answer in one window. All of it, with Memcached, the other roles, the database and the
generator, shares the machine's cores: with two cores even two bare servers do not answer twice as much as one
(`bare_two_to_one`, `timeline_two_to_one`).
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.deployed import Deployed
from benchmarks.intervals import median_of, percentile
from benchmarks.people import People, converse, home_requests, post_requests, settle
from benchmarks.reading import IN_FLIGHT, Window, captured, check_pages, median_cpu, reading
from benchmarks.results import Row
from benchmarks.system import BareServer
from loadtest.graphs import synthetic

NAMES = ("stack-home-reads", "stack-two-timelines")
ACCOUNTS, MEAN_FOLLOWERS, POSTS_EACH = 200, 50, 6
THREADS = (1, 4, 8)
ONE, TWO, GATEWAY = "one timeline", "two timelines", "gateway"


def measure(bench: Bench) -> list[Row]:
    with ExitStack() as stack:
        system = stack.enter_context(bench.deployed({"timeline": 2}))
        people = _populate(bench, system)
        requests = home_requests(people.readers(bench.size(2000, 100)))
        first, second = (system.roles.process("timeline", number) for number in range(2))
        both = f"{first.target},{second.target}"
        bench.generator.make_all(both, requests)
        replies, _ = captured(first.target, requests)
        check_pages(replies)
        sides: dict[str, Callable[[], Window]] = {}
        for threads in THREADS:
            bares = [BareServer(threads, replies) for _ in range(2)]
            for bare in bares:
                stack.callback(bare.close)
            targets, pids = [bare.target for bare in bares], [bare.pid for bare in bares]
            sides[f"bare, {threads} threads"] = reading(bench, targets[0], pids[:1], requests)
            sides[f"two bare, {threads} threads"] = reading(bench, ",".join(targets), pids, requests)
        sides[ONE] = reading(bench, first.target, [first.pid], requests)
        sides[TWO] = reading(bench, both, [first.pid, second.pid], requests)
        sides[GATEWAY] = reading(bench, system.target, [system.roles.process("gateway").pid], requests)
        with bench.measuring(system, "timeline-0"):
            measured = bench.interleave(sides)
        return _rows(measured, statistics.mean(map(len, replies)))


def _populate(bench: Bench, system: Deployed) -> People:
    count, rng = bench.size(ACCOUNTS, 60), bench.rng("stack reads")
    bench.say(f"{count} accounts, their follows, and posts")
    people = settle(system, synthetic(count, bench.size(MEAN_FOLLOWERS, 20), seed=1))
    bench.generator.make_all(system.target, post_requests(rng, [*people.ids] * POSTS_EACH))
    converse(system.client, rng, people.ids, bench.size(200, 20))
    system.await_delivered()
    return people


def _rows(measured: Mapping[str, Sequence[Window]], reply_bytes: float) -> list[Row]:
    rates = {name: [window.tally.per_second for window in windows] for name, windows in measured.items()}
    medians = {name: statistics.median(values) for name, values in rates.items()}
    bare, two_bare = (
        max((name for name in rates if name.startswith(kind)), key=lambda name: medians[name])
        for kind in ("bare", "two bare")
    )
    common: dict[str, float | str] = {"reply_bytes": reply_bytes, "calls_in_flight": IN_FLIGHT}
    one: dict[str, float | str] = {
        "timeline_per_second": medians[ONE],
        "timeline_cpu_us_a_read": median_cpu(measured[ONE]),
        "timeline_p50_ms": _milliseconds(measured[ONE], 0.5),
        "timeline_p99_ms": _milliseconds(measured[ONE], 0.99),
        "gateway_per_second": medians[GATEWAY],
        "gateway_cpu_us_a_read": median_cpu(measured[GATEWAY]),
        "bare_best": bare,
        "bare_per_second": medians[bare],
        "bare_cpu_us_a_call": median_cpu(measured[bare]),
        "generator_ceiling_per_second": statistics.median(window.tally.ceiling for window in measured[bare]),
    }
    two: dict[str, float | str] = {
        "timelines_per_second": medians[TWO],
        "bare_best": two_bare,
        "bare_per_second": medians[two_bare],
        "timeline_two_to_one": medians[TWO] / medians[ONE],
        "bare_two_to_one": medians[two_bare] / medians[bare],
    }
    return [
        _row(NAMES[0], rates[ONE], rates[bare], {**one, **common}),
        _row(NAMES[1], rates[TWO], rates[two_bare], {**two, **common}),
    ]


def _row(name: str, timelines: Sequence[float], bare: Sequence[float], detail: Mapping[str, float | str]) -> Row:
    ratios = [one / other for one, other in zip(timelines, bare, strict=True)]
    return Row(name, median_of(ratios), len(ratios), dict(detail), {"timeline": list(timelines), "bare": list(bare)})


def _milliseconds(windows: Sequence[Window], share: float) -> float:
    return statistics.median(percentile(window.tally.latencies, share) * 1000 for window in windows)
