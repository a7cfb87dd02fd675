"""From the ack until followers see the post."""

from __future__ import annotations

from itertools import islice

from loadtest.demo.world import World
from loadtest.outcome import Outcome, ms, percentile
from loadtest.screen import Screen

TITLE = "Followers see it soon"
MEANING = (
    "Homes of sampled followers are polled from the ack on. Small authors have a lane of their own: their posts do not "
    "wait behind a celebrity's."
)
ROUNDS = 3
READERS = 12
SMALL_READERS = 5
LATEST_SECONDS = 10.0
TIMES_AS_LATE, LEAST_LIMIT_SECONDS = 5, 0.25
"""What waiting behind a celebrity may do to a small author's median: who waits for all of her delivery is later."""


def run(world: World, screen: Screen) -> Outcome:
    outcome = Outcome()
    fans = list(islice(world.client.iter_followers(world.small_author), SMALL_READERS))
    alone: list[float] = []
    large: list[float] = []
    behind: list[float] = []
    before, busy = world.system.delivered_rows(), 0.0
    with screen.bar("posts", 3 * ROUNDS) as advance:
        for number in range(ROUNDS):
            alone += world.await_seen(fans, world.post(world.small_author))
            advance(3 * number + 1)
            readers = world.rng.sample(world.sample, READERS)
            sent = world.post(world.celebrity)
            large += world.await_seen(readers, sent)
            busy += world.await_delivered() - sent.acked_at
            advance(3 * number + 2)
            sent = world.post(world.celebrity)
            behind += world.await_seen(fans, world.post(world.small_author))
            busy += world.await_delivered() - sent.acked_at
            advance(3 * number + 3)
    rows = world.system.delivered_rows() - before
    measured = {
        "small author, nothing else under way": alone,
        "small author, behind a celebrity's post": behind,
        f"celebrity, to {world.celebrity_followers:,} homes": large,
    }
    screen.table(
        ["from ack to visible", "p50", "p99", "homes polled"],
        [(who, ms(percentile(t, 50)), ms(percentile(t, 99)), str(len(t))) for who, t in measured.items()],
    )
    screen.say(f"Delivery rate while homes are polled: {rows / busy:,.0f} rows/s.")
    latest = max(max(times) for times in measured.values())
    outcome.check(
        "posts become visible",
        latest <= LATEST_SECONDS,
        f"celebrity p50 {ms(percentile(large, 50))}, p99 {ms(percentile(large, 99))}",
    )
    limit = max(TIMES_AS_LATE * percentile(alone, 50), percentile(large, 50) / 2, LEAST_LIMIT_SECONDS)
    outcome.check(
        "small authors do not wait behind a celebrity",
        percentile(behind, 50) <= limit,
        f"p50 {ms(percentile(alone, 50))} alone, {ms(percentile(behind, 50))} behind her (limit: {ms(limit)})",
    )
    outcome.figures = {
        name: {"p50_ms": round(percentile(t, 50) * 1000, 1), "p99_ms": round(percentile(t, 99) * 1000, 1)}
        for name, t in (("celebrity", large), ("small_alone", alone), ("small_behind_celebrity", behind))
    }
    outcome.figures["rows_per_second"] = round(rows / busy)
    return outcome
