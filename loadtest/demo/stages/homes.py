"""A thousand homes, item by item, against the reference."""

from __future__ import annotations

import time

from loadtest.demo.world import PAGE_SIZE, World
from loadtest.outcome import Outcome
from loadtest.screen import Screen

TITLE = "A thousand homes against the reference"
MEANING = (
    "The demo keeps its own account of what it was acked: who posted and who follows whom. A few lines say what each "
    "home must be. Whole homes are walked, page by page, and must be equal: nothing missing, nothing extra, in order."
)


def run(world: World, screen: Screen) -> Outcome:
    outcome = Outcome()
    with screen.bar("waiting until all is delivered", None):
        world.await_delivered()
    readers = [world.reader, *world.sample]
    missing = extra = disordered = items = longest = 0
    began = time.monotonic()
    with screen.bar("homes", len(readers)) as advance:
        for number, (reader, home) in enumerate(world.homes(readers)):
            want = world.reference.home(reader)
            missing += len(set(want) - set(home))
            extra += len(set(home) - set(want)) + len(home) - len(set(home))
            disordered += home != sorted(home, reverse=True)
            items += len(home)
            longest = max(longest, len(home))
            advance(number + 1)
    seconds = time.monotonic() - began
    pages = items // PAGE_SIZE + len(readers)
    screen.table(
        ["homes", "items", "longest", "missing", "extra", "out of order", "pages/s, about"],
        [
            [
                f"{len(readers):,}",
                f"{items:,}",
                f"{longest:,}",
                str(missing),
                str(extra),
                str(disordered),
                f"{pages / seconds:,.0f}",
            ]
        ],
    )
    outcome.check(
        "every home equals the reference",
        missing == extra == disordered == 0,
        f"{len(readers):,} homes, {items:,} items: missing {missing}, extra {extra}",
    )
    outcome.figures = {
        "homes": len(readers),
        "items": items,
        "missing": missing,
        "extra": extra,
        "out_of_order": disordered,
        "seconds": round(seconds, 2),
    }
    return outcome
