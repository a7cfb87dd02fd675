"""Reads and posts at 100,000 users beside 1,000.

Two systems run at once, each `murmurd up` with its own folder; while one is measured nobody calls the other. In both,
everybody follows 10 others by the same law, and the 50 who have most followers have posted 20 times each. Readers are
chosen by Zipf's law among all accounts, authors evenly among all; what is read was read once before the rounds. Load is
a closed loop of 32 calls; the figure is the time a call takes in the large system beside the small one, so calls a
second of the small one beside those of the large one. Posts are measured until they are answered; their delivery is
awaited before the next window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from benchmarks.bench import Bench
from benchmarks.intervals import median_of
from benchmarks.load import Plan
from benchmarks.people import all_ids, follows_among, handles, home_requests, import_users, post_requests, zipf
from benchmarks.results import Row
from benchmarks.system import Murmurd

NAMES = ("reads-100k-users", "posts-100k-users")
LARGE, SMALL = 100_000, 1_000
FOLLOWS_EACH = 10
POPULAR, POSTS_OF_EACH = 50, 20
CHOICES = 4_000
IN_FLIGHT = 32


@dataclass(frozen=True)
class Side:
    system: Murmurd
    rng: Random
    people: list[int]


def measure(bench: Bench) -> list[Row]:
    with bench.murmurd() as large_system, bench.murmurd() as small_system:
        sides: dict[str, Callable[[], float]] = {}
        for name, system, count in (
            ("100,000", large_system, bench.size(LARGE, 1000)),
            ("1,000", small_system, bench.size(SMALL, 100)),
        ):
            side = _populate(bench, system, count)
            sides[f"reads, {name} users"] = _reading(bench, side)
            sides[f"posts, {name} users"] = _posting(bench, side)
        with bench.measuring(large_system):
            measured = bench.interleave(sides)
    return [
        _row(name, measured[f"{kind}, 100,000 users"], measured[f"{kind}, 1,000 users"])
        for name, kind in zip(NAMES, ("reads", "posts"), strict=True)
    ]


def _populate(bench: Bench, system: Murmurd, count: int) -> Side:
    bench.say(f"{count:,} accounts, their follows, and posts")
    rng, names = bench.rng(f"scale {count}"), handles("user", count)
    import_users(system.client, names)
    system.client.admin.import_graph([], follows_among(rng, names, FOLLOWS_EACH))
    people = all_ids(system.data)
    system.await_delivered()
    popular = people[:POPULAR] * POSTS_OF_EACH
    bench.generator.run(Plan(system.target, post_requests(rng, popular), once=True))
    system.await_delivered()
    return Side(system, rng, people)


def _reading(bench: Bench, side: Side) -> Callable[[], float]:
    requests = home_requests(zipf(side.rng, side.people, bench.size(CHOICES, 200)))
    bench.generator.run(Plan(side.system.target, requests, once=True))

    def window() -> float:
        plan = Plan(side.system.target, requests, bench.seconds(1.5), IN_FLIGHT)
        return bench.generator.run(plan).per_second

    return window


def _posting(bench: Bench, side: Side) -> Callable[[], float]:
    def window() -> float:
        authors = side.rng.choices(side.people, k=bench.size(1000, 50))
        plan = Plan(side.system.target, post_requests(side.rng, authors), 60.0, IN_FLIGHT, once=True)
        rate = bench.generator.run(plan).per_second
        side.system.await_delivered()
        return rate

    return window


def _row(name: str, large: list[float], small: list[float]) -> Row:
    ratios = [few / many for many, few in zip(large, small, strict=True)]
    detail = {
        "at_100k_users_per_second": median_of(large).value,
        "at_1k_users_per_second": median_of(small).value,
        "calls_in_flight": IN_FLIGHT,
    }
    return Row(name, median_of(ratios), len(ratios), detail, {"100,000 users": large, "1,000 users": small})
