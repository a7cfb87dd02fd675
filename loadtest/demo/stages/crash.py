"""The worker is killed in the middle of a celebrity's delivery."""

from __future__ import annotations

import time
from dataclasses import dataclass

from loadtest.demo.world import Sent, TooSlow, World
from loadtest.outcome import Outcome
from loadtest.screen import Screen

TITLE = "kill -9 in the middle of a delivery"
MEANING = (
    "The worker dies with her post in about half of the homes. The supervisor starts another, which goes on at the "
    "page where the first one was: before and after add up to all followers, never to more, and to less "
    "only by the pages that were written between the last count and the kill."
)
LEAST_LEFT, MOST_LEFT = 0.30, 0.70
STRIKE_FROM = 0.40  # delivered
TRIES = 6
POLLED = 40
READERS = 200
RESTART_SECONDS = 30.0
# Between the last count and the kill some pages are written and not counted.
TOLERANCE = 0.15


@dataclass(frozen=True)
class Struck:
    """`before`: rows that the killed worker had counted."""

    sent: Sent
    before: int
    at: float


def run(world: World, screen: Screen) -> Outcome:
    outcome = Outcome()
    total = world.celebrity_followers
    struck = _strike(world, screen)
    had_it = _seen_share(world, struck.sent)
    with screen.bar("the supervisor starts another worker", None):
        world.system.await_restart(RESTART_SECONDS)
        restarted = time.monotonic() - struck.at
        delivered = world.await_delivered() - struck.at
    after = world.system.delivered_rows()
    left = 1 - struck.before / total
    screen.table(
        ["her post", "homes"],
        [
            ("followers", f"{total:,}"),
            ("written by the first worker, until kill -9", f"{struck.before:,}"),
            ("written by the second one", f"{after:,}"),
            ("together", f"{struck.before + after:,}"),
        ],
    )
    screen.say(
        f"With no worker running, {had_it:.0%} of {POLLED} sampled homes had it. "
        f"A worker again after {restarted:.1f} s, all delivered after {delivered:.1f} s."
    )
    homes = list(world.homes(world.sample[:READERS]))
    missing = sum(struck.sent.post_id not in home for _, home in homes)
    twice = sum(home.count(struck.sent.post_id) > 1 for _, home in homes)
    outcome.check("killed in the middle", LEAST_LEFT <= left <= MOST_LEFT, f"{left:.0%} of the deliveries left")
    outcome.check(
        "resumed at the page, not at the start",
        (1 - TOLERANCE) * total <= struck.before + after <= total,
        f"{struck.before:,} + {after:,} rows for {total:,} followers",
    )
    outcome.check(
        "nobody misses the post, nobody has it twice",
        missing == twice == 0,
        f"{len(homes)} homes: missing {missing}, twice {twice}",
    )
    outcome.figures = {
        "rows_before_kill": struck.before,
        "rows_after_restart": after,
        "followers": total,
        "left_share": round(left, 3),
        "restarted_seconds": round(restarted, 2),
        "delivered_seconds": round(delivered, 2),
    }
    return outcome


def _strike(world: World, screen: Screen) -> Struck:
    """Posts, watches the worker's own count, and kills it in the window; posts again where it was missed."""
    system, total = world.system, world.celebrity_followers
    for _ in range(TRIES):
        world.await_delivered()
        base = system.delivered_rows()
        sent = world.post(world.celebrity)
        with screen.bar("rows delivered", total) as advance:
            while (done := system.delivered_rows() - base) < (1 - LEAST_LEFT) * total:
                if done >= STRIKE_FROM * total:
                    system.kill_worker()
                    return Struck(sent, done, time.monotonic())
                advance(done)
                if time.monotonic() - sent.acked_at > RESTART_SECONDS:
                    raise TooSlow(f"Only {done} of {total} rows are delivered after {RESTART_SECONDS:g} s.")
        screen.say(f"{done / total:.0%} was delivered before the kill could strike: posting again.", "yellow")
    raise TooSlow(f"The worker delivered too fast to be caught halfway, {TRIES} times.")


def _seen_share(world: World, sent: Sent) -> float:
    """Read while no worker runs: from the homes themselves, how far delivery had come."""
    readers = world.sample[:POLLED]
    return sum(world.sees(reader, sent.post_id) for reader in readers) / len(readers)
