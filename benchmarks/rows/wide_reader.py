"""A reader with 5,000 followees and 100,000 rows in his home beside one with 50 and 200.

The wide reader follows 5,000 accounts, the narrow one 50 of them. All accounts have posted, through CreateTweet, until
the homes had these sizes by delivery; nothing is written into them in another way. The newest 200 posts are those that
both readers see, so both pages carry the same. One caller reads both first pages in turns, each call after the answer
to the last. A round's figure is the ratio of the medians of its calls.
"""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.people import handles, home_requests, ids_of, import_users, post_requests
from benchmarks.results import Row
from benchmarks.turns import in_turns, row_of_medians

NAMES = ("wide-reader",)
WIDE_FOLLOWEES, WIDE_ROWS = 5_000, 100_000
NARROW_FOLLOWEES, NARROW_ROWS = 50, 200
READS_A_ROUND = 400
POSTS_AT_ONCE = 5_000


def measure(bench: Bench) -> list[Row]:
    with bench.murmurd() as system:
        client, rng = system.client, bench.rng("wide reader")
        names = handles("author", bench.size(WIDE_FOLLOWEES, 200))
        import_users(client, ["wide", "narrow", *names])
        shared = names[:NARROW_FOLLOWEES]
        follows = [("wide", name) for name in names] + [("narrow", name) for name in shared]
        client.admin.import_graph([], follows)
        wide, narrow = ids_of(client, ["wide", "narrow"])
        authors = sorted(client.acting_as(wide).iter_following(wide))
        narrow_authors = sorted(client.acting_as(narrow).iter_following(narrow))
        others = sorted(set(authors) - set(narrow_authors))
        system.await_delivered()
        rows = bench.size(WIDE_ROWS, 1000)
        bench.say(f"{rows:,} posts")
        posting = rng.choices(others, k=rows - NARROW_ROWS) + rng.choices(narrow_authors, k=NARROW_ROWS)
        for start in range(0, rows, POSTS_AT_ONCE):
            batch = post_requests(rng, posting[start : start + POSTS_AT_ONCE])
            bench.generator.make_all(system.target, batch)
        system.await_delivered()
        one, other = home_requests([wide, narrow])
        with bench.measuring(system):
            rounds = in_turns(bench, system.target, one, other, bench.size(READS_A_ROUND, 40))
    return [row_of_medians("wide-reader", ("wide reader", "narrow reader"), rounds)]
