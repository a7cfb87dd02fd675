"""An author crosses the celebrity line, both ways, while posting."""

from __future__ import annotations

import time

from loadtest.demo.world import PULL, PUSH, Sent, TooSlow, World
from loadtest.outcome import Outcome
from loadtest.screen import Screen

TITLE = "From PUSH to PULL and back, while she posts"
MEANING = (
    "A pushed post is written into every home, a pulled one is merged in when somebody reads; each post carries its "
    "way as a stamp. An author may change over at any time, and nobody misses a post or sees one twice."
)
READERS = 50
POSTS_EACH = 3
PULLED_AT_ONCE = 70  # a pulled post costs no delivery, and fills homes to more than a page
PAUSE_SECONDS = 0.25
CHANGE_SECONDS = 10.0


def run(world: World, screen: Screen) -> Outcome:
    outcome = Outcome()
    sent: list[Sent] = []
    with screen.bar("posts", 3 * POSTS_EACH + PULLED_AT_ONCE) as advance:
        for place, mode in enumerate((PUSH, PULL, PUSH)):
            if place:
                world.client.admin.set_author_mode(world.celebrity, mode)
            sent += _post_until(world, mode)
            if mode == PULL:
                sent += [world.post(world.celebrity) for _ in range(PULLED_AT_ONCE)]
            advance(len(sent))
    readers = world.rng.sample(world.sample, READERS)
    with screen.bar("waiting until all is delivered", None):
        world.await_delivered()
        world.await_seen(readers[:1], [post for post in sent if post.mode == PULL][-1])
    want = [post.post_id for post in reversed(sent)]
    missing = twice = 0
    for _, home in world.homes(readers):
        found = [post_id for post_id in home if post_id >= want[-1] and post_id in set(want)]
        missing += len(set(want) - set(found))
        twice += len(found) - len(set(found))
    stamps = [post.mode for post in sent]
    way = [_run_of(stamps, start) for start in _starts(stamps)]
    told = ", then ".join(f"{count} {name}" for name, count in way)
    screen.say(f"Her posts, by their stamps: {told}.")
    outcome.check("the stamps changed over twice", [name for name, _ in way] == ["PUSH", "PULL", "PUSH"], told)
    outcome.check(
        "no post missing, none twice",
        missing == twice == 0,
        f"{len(sent)} posts in {len(readers)} homes: missing {missing}, twice {twice}",
    )
    outcome.figures = {
        "stamps": way,
        "missing": missing,
        "twice": twice,
    }
    return outcome


def _post_until(world: World, mode: int) -> list[Sent]:
    """Posts on until so many carry the stamp: a writer may read the mode a second late."""
    sent: list[Sent] = []
    deadline = time.monotonic() + CHANGE_SECONDS
    while sum(post.mode == mode for post in sent) < POSTS_EACH:
        if time.monotonic() > deadline:
            raise TooSlow(f"Posts do not carry the new mode after {CHANGE_SECONDS:g} s.")
        sent.append(world.post(world.celebrity))
        time.sleep(PAUSE_SECONDS)
    return sent


def _starts(stamps: list[int]) -> list[int]:
    return [place for place, mode in enumerate(stamps) if place == 0 or stamps[place - 1] != mode]


def _run_of(stamps: list[int], start: int) -> tuple[str, int]:
    end = next((place for place in range(start, len(stamps)) if stamps[place] != stamps[start]), len(stamps))
    return "PULL" if stamps[start] == PULL else "PUSH", end - start
