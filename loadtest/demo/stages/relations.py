"""An unfollow and a follow act on the next read."""

from __future__ import annotations

import time

from loadtest.demo.world import World
from loadtest.outcome import Outcome, ms, percentile
from loadtest.screen import Screen

TITLE = "Unfollow, and the next read"
MEANING = (
    "Homes hold candidates; what is shown is decided at each read by whom one follows now. So an unfollow takes all of "
    "an author's posts away at once, old ones too, and a follow brings them back at once."
)
READERS = 20


def run(world: World, screen: Screen) -> Outcome:
    outcome = Outcome()
    gone_wrong = back_wrong = posts = 0
    gone: list[float] = []
    back: list[float] = []
    readers = world.rng.sample(world.sample, READERS)
    with screen.bar("readers", READERS) as advance:
        for number, reader in enumerate(readers):
            whole = world.reference.home(reader)
            author, theirs = _most_seen(world, reader)
            began = time.monotonic()
            world.unfollow(reader, author)
            without = world.home(reader)
            gone.append(time.monotonic() - began)
            gone_wrong += without != world.reference.home(reader) or not theirs.isdisjoint(without)
            began = time.monotonic()
            world.follow(reader, author)
            again = world.home(reader)
            back.append(time.monotonic() - began)
            back_wrong += again != whole
            posts += len(theirs)
            advance(number + 1)
    screen.table(
        ["change and whole next read", "p50", "max", "wrong reads"],
        [
            ("unfollow: gone", ms(percentile(gone, 50)), ms(max(gone)), f"{gone_wrong} of {READERS}"),
            ("follow: back", ms(percentile(back, 50)), ms(max(back)), f"{back_wrong} of {READERS}"),
        ],
    )
    outcome.check(
        "gone on the next read after an unfollow",
        not gone_wrong,
        f"{posts} posts, {READERS} readers: {gone_wrong} wrong",
    )
    outcome.check("back on the next read after a follow", not back_wrong, f"{READERS} readers: {back_wrong} wrong")
    outcome.figures = {"readers": READERS, "posts": posts, "gone_wrong": gone_wrong, "back_wrong": back_wrong}
    return outcome


def _most_seen(world: World, reader: int) -> tuple[int, set[int]]:
    """Of those whom he follows, the one with most posts in his home, and these posts."""
    home = world.reference.home(reader)
    by_author = {author: world.reference.by(author, home) for author in world.reference.following(reader)}
    return max(by_author.items(), key=lambda pair: (len(pair[1]), pair[0]))
