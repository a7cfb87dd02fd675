"""Reads and posts at 100,000 users beside 1,000.

Two systems run at once, each `murmurd up` with its own folder; while one is measured nobody calls the other. In both,
the accounts are those of the workload model (loadtest/workload.py), with 10 followers in the mean; readers and authors
are its choice among all. Everybody whom a chosen reader follows has posted twice, and what is read was read once before
the rounds; replies are alike in size (see the details). Load is a closed loop of 32 calls; the figure is the time a
call takes in the large system beside the small one, so calls a second of the small one beside those of the large one.
Posts are measured until they are answered; their delivery is awaited before the next window.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.intervals import median_of
from benchmarks.load import Plan, Request, Tally
from benchmarks.people import People, home_requests, post_requests, settle
from benchmarks.results import Row
from benchmarks.system import Murmurd
from loadtest.graphs import synthetic

NAMES = ("reads-100k-users", "posts-100k-users")
LARGE, SMALL = 100_000, 1_000
MEAN_FOLLOWERS = 10
CHOICES = 2_000
IN_FLIGHT = 32


@dataclass(frozen=True)
class Side:
    """`requests`: reads of first pages."""

    system: Murmurd
    people: People
    requests: list[Request]


def measure(bench: Bench) -> list[Row]:
    with bench.murmurd() as large_system, bench.murmurd() as small_system:
        sides: dict[str, Callable[[], Tally]] = {}
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
    graph, rng = synthetic(count, MEAN_FOLLOWERS, seed=1), bench.rng(f"scale {count}")
    people = settle(system, graph)
    readers = people.readers(bench.size(CHOICES, 200))
    number = {user_id: place for place, user_id in enumerate(people.ids)}
    followed = sorted({followee for reader in set(readers) for followee in graph.following(number[reader])})
    posts = post_requests(rng, [people.ids[user] for user in followed] * 2)
    bench.generator.make_all(system.target, posts)
    system.await_delivered()
    requests = home_requests(readers)
    bench.generator.make_all(system.target, requests)
    return Side(system, people, requests)


def _reading(bench: Bench, side: Side) -> Callable[[], Tally]:
    return lambda: bench.generator.run(Plan(side.system.target, side.requests, bench.seconds(1.5), IN_FLIGHT))


def _posting(bench: Bench, side: Side) -> Callable[[], Tally]:
    def window() -> Tally:
        posts = side.people.posts(bench.size(1000, 50))
        tally = bench.generator.make_all(side.system.target, posts, IN_FLIGHT)
        side.system.await_delivered()
        return tally

    return window


def _row(name: str, large: list[Tally], small: list[Tally]) -> Row:
    many, few = ([tally.per_second for tally in tallies] for tallies in (large, small))
    ratios = [one / other for other, one in zip(many, few, strict=True)]
    detail = {
        "at_100k_users_per_second": median_of(many).value,
        "at_1k_users_per_second": median_of(few).value,
        "at_100k_users_reply_bytes": _reply_bytes(large),
        "at_1k_users_reply_bytes": _reply_bytes(small),
        "calls_in_flight": IN_FLIGHT,
    }
    return Row(name, median_of(ratios), len(ratios), detail, {"100,000 users": many, "1,000 users": few})


def _reply_bytes(tallies: list[Tally]) -> float:
    return sum(tally.received_bytes for tally in tallies) / sum(tally.calls for tally in tallies)
