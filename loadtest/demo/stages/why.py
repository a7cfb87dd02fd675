"""One home, and why each item is in it."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

from loadtest.demo.world import PULL, PUSH, TooSlow, World
from loadtest.outcome import Outcome
from loadtest.screen import Screen

TITLE = "One home, and why each item is there"
MEANING = (
    "The reader of all 100 authors opens the app: items written into the home (pushed), merged in when read "
    "(pulled), the reader's own, and those of somebody followed a moment ago (just followed)."
)
# murmuration.v1.InclusionReason
REASONS = {1: "pushed", 2: "pulled", 3: "own", 4: "just followed", 5: "rebuilt"}
WANTED = {"pushed", "pulled", "own", "just followed"}
SHOWN = 14
TRIES = 20
MODE_PAUSE_SECONDS = 0.2


def run(world: World, screen: Screen) -> Outcome:
    outcome = Outcome()
    _recent_posts(world)
    # Read right after the follow: soon the posts are written into the home, and count as pushed.
    for _ in range(TRIES):
        world.follow(world.reader, world.newcomer)
        walk = world.client.acting_as(world.reader).home_walk(page_size=SHOWN)
        items = [item for item, _ in zip(walk, range(SHOWN), strict=False)]
        reasons = [[REASONS.get(reason, "?") for reason in item.reasons] for item in items]
        if any("just followed" in why for why in reasons):
            break
        world.unfollow(world.reader, world.newcomer)
    rows = []
    for item, why in zip(items, reasons, strict=True):
        shown = item.reposted_tweet if item.HasField("reposted_tweet") else item.tweet
        author = f"@{walk.users[item.tweet.author_id].handle}"
        rows.append((_clock(item.tweet.create_time_ms), author, shown.text, ", ".join(why)))
    screen.text_table(["time", "author", "text", "why"], rows)
    seen = Counter(reason for why in reasons for reason in why)
    right = [item.tweet.tweet_id for item in items] == world.reference.home(world.reader)[: len(items)]
    outcome.check("the page equals the reference", right, f"{len(items)} items")
    outcome.check(
        "all four ways into a home are there",
        seen.keys() >= WANTED,
        ", ".join(f"{count} {reason}" for reason, count in sorted(seen.items())),
    )
    outcome.figures = {"reasons": dict(seen), "items": [list(row) for row in rows]}
    return outcome


def _recent_posts(world: World) -> None:
    """One of each kind for the first page: pulled ones of the celebrity's, own, pushed, and the newcomer's."""
    world.client.admin.set_author_mode(world.celebrity, PULL)
    for _ in range(3):
        world.post(world.newcomer)
        world.post(world.author())
    world.post(world.reader)
    for _ in range(TRIES):
        newest = world.post(world.celebrity)
        if newest.mode == PULL:
            break
        time.sleep(MODE_PAUSE_SECONDS)
    else:
        raise TooSlow("The celebrity's posts do not carry the new mode.")
    world.post(world.author())
    world.await_delivered()
    world.await_seen([world.reader], newest)
    world.client.admin.set_author_mode(world.celebrity, PUSH)


def _clock(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone().strftime("%H:%M:%S")
