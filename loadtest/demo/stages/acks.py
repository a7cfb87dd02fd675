"""The ack: as fast for a celebrity as for anybody."""

from __future__ import annotations

import time

from loadtest.demo.world import Sent, World
from loadtest.outcome import Outcome, ms, percentile
from loadtest.screen import Screen

TITLE = "A post is acked at once, however many follow"
MEANING = (
    "A write stores the post and one outbox row, and is acked; delivery comes later. So both columns should be about "
    "the same, although one post goes to very many more homes."
)
PAIRS, QUICK_PAIRS = 20, 10
TIMES_AS_LONG, SLACK_SECONDS = 3.0, 0.005


def run(world: World, screen: Screen) -> Outcome:
    outcome, pairs = Outcome(), QUICK_PAIRS if world.quick else PAIRS
    small_followers = world.client.follow_counts(world.small_author).followers
    before, began = world.system.delivered_rows(), time.monotonic()
    large: list[Sent] = []
    small: list[Sent] = []
    with screen.bar("posts, in turn", 2 * pairs) as advance:
        for number in range(pairs):
            turn = [(world.celebrity, large), (world.small_author, small)]
            for author, sent in turn if number % 2 else reversed(turn):
                sent.append(world.post(author))
            advance(2 * number + 2)
    expected = pairs * (world.celebrity_followers + small_followers)
    with screen.bar("rows delivered", expected) as advance:
        delivered = world.await_delivered(on_poll=lambda: advance(world.system.delivered_rows() - before))
    seconds = delivered - began
    rows = world.system.delivered_rows() - before
    figures = {
        name: {"median_ms": round(percentile(times, 50) * 1000, 2), "p99_ms": round(percentile(times, 99) * 1000, 2)}
        for name, times in (("celebrity", [s.seconds for s in large]), ("small_author", [s.seconds for s in small]))
    }
    screen.table(
        ["time until the ack", f"celebrity, {world.celebrity_followers:,}", f"small author, {small_followers:,}"],
        [
            (name, *(ms(figures[who][key] / 1000) for who in ("celebrity", "small_author")))
            for name, key in (("median", "median_ms"), ("p99", "p99_ms"))
        ],
    )
    slowest = TIMES_AS_LONG * figures["small_author"]["median_ms"] / 1000 + SLACK_SECONDS
    outcome.check(
        "the celebrity's ack is not slower",
        figures["celebrity"]["median_ms"] / 1000 <= slowest,
        f"median {figures['celebrity']['median_ms']:.1f} ms and {figures['small_author']['median_ms']:.1f} ms, "
        f"{pairs} posts each (limit: {slowest * 1000:.0f} ms)",
    )
    outcome.check(
        "every row was delivered", rows == expected, f"{rows:,} of {expected:,} rows, {rows / seconds:,.0f} rows/s"
    )
    outcome.figures = {**figures, "rows": rows, "rows_per_second": round(rows / seconds), "posts_each": pairs}
    return outcome
