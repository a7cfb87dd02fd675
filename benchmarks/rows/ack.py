"""CreateTweet's p99 for an author with 28,459 followers beside one with ten.

One caller posts in turns as the one and as the other, each call after the answer to the last, so both meet the same
machine. Both authors' posts are PUSH. The worker runs, and since posts come faster than 28,459 rows each can be
written, it is busy delivering the large author's posts all the time: that too meets both. At the end what is not
delivered is thrown away with the system.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.intervals import percentile, resampled
from benchmarks.large_world import build
from benchmarks.people import post_requests
from benchmarks.results import Row

NAMES = ("ack-large-author",)
POSTS_A_ROUND = 400
SHARE = 0.99

Pair = tuple[list[float], list[float]]


def measure(bench: Bench) -> list[Row]:
    with bench.murmurd() as system:
        world = build(bench, system)
        small, rng = next(iter(world.small)), bench.rng("acks")
        posts = bench.size(POSTS_A_ROUND, 20)
        # The large author and the small one after each other, every second pair the other way round.
        authors = [world.large, small, small, world.large] * (posts // 2)

        def one_round() -> Pair:
            tally = bench.generator.make_all(system.target, post_requests(rng, authors), in_flight=1, connections=1)
            answered = list(zip(authors, tally.latencies, strict=True))
            return (
                [seconds for author, seconds in answered if author == world.large],
                [seconds for author, seconds in answered if author == small],
            )

        one_round()  # warms up
        with bench.measuring(system):
            measured = bench.interleave({"both authors": one_round})["both authors"]
    large, few = ([percentile(pair[side], SHARE) * 1000 for pair in measured] for side in (0, 1))
    detail = {
        "large_p99_ms": _pooled(measured, 0, SHARE) * 1000,
        "small_p99_ms": _pooled(measured, 1, SHARE) * 1000,
        "large_p50_ms": _pooled(measured, 0, 0.5) * 1000,
        "small_p50_ms": _pooled(measured, 1, 0.5) * 1000,
        "posts_of_each": sum(len(pair[0]) for pair in measured),
    }
    series = {"28,459 followers": large, "10 followers": few}
    return [Row("ack-large-author", resampled(measured, _ratio), len(measured), detail, series)]


def _ratio(rounds: Sequence[Pair]) -> float:
    return _pooled(rounds, 0, SHARE) / _pooled(rounds, 1, SHARE)


def _pooled(rounds: Sequence[Pair], side: int, share: float) -> float:
    return percentile([seconds for pair in rounds for seconds in pair[side]], share)
