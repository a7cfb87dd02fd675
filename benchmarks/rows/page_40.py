"""Page 40 of a home beside page 1: 20 items each, of a home of 800.

One reader follows 50 authors who have posted 900 times. His home is walked once to get the cursor of page 40; then one
caller reads both pages in turns, each call after the answer to the last. A round's figure is the ratio of the medians
of its calls.
"""

from __future__ import annotations

from benchmarks.bench import Bench
from benchmarks.people import handles, home_requests, ids_of, import_users, post_requests
from benchmarks.results import Row
from benchmarks.turns import in_turns, row_of_medians

NAMES = ("page-40",)
AUTHORS, POSTS = 50, 900
PAGE, READS_A_ROUND = 40, 400


def measure(bench: Bench) -> list[Row]:
    with bench.murmurd() as system:
        client, rng = system.client, bench.rng("page 40")
        names = handles("author", AUTHORS)
        import_users(client, ["reader", *names])
        client.admin.import_graph([], (("reader", name) for name in names))
        authors, (reader,) = ids_of(client, names), ids_of(client, ["reader"])
        system.await_delivered()
        bench.generator.make_all(system.target, post_requests(rng, rng.choices(authors, k=POSTS)))
        system.await_delivered()
        token = ""
        for _ in range(PAGE - 1):
            token = client.acting_as(reader).home_page(20, token).next_page_token
        assert len(client.acting_as(reader).home_page(20, token).items) == 20
        first, last = home_requests([reader])[0], home_requests([reader], token)[0]
        with bench.measuring(system):
            rounds = in_turns(bench, system.target, last, first, bench.size(READS_A_ROUND, 40))
    return [row_of_medians("page-40", ("page 40", "page 1"), rounds)]
