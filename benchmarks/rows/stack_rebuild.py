"""The first read of a home that has to be made anew from the posts of 1,000 followees.

System: one process of each role on a Cassandra node, a Kafka broker and three Memcached nodes. A reader follows 1,000
accounts with three posts each. An operator asks for a rebuild; fan-out, which would read the stored home anew, stands
still, so the next read makes the page from the followees' recent posts, as for a reader who comes back after a long
absence. The time is that of one call through the gateway, which must answer a whole page. A page's budget of time
(`timeline.read_budget_ms`) is ten seconds here, so that also a slow page is whole.

Cached: the recent posts of all followees are in Memcached. Cold: all three nodes were flushed right before, so
accounts, relations, posts and counts come from the database too. `stored_home_s`: with fan-out at work, from the
operator's call until the stored home is complete; it never looks into the cache.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.deployed import Deployed
from benchmarks.failures import BenchFailed, TookTooLong
from benchmarks.intervals import median_of
from benchmarks.people import handles, import_users, post_requests
from benchmarks.results import Row
from tools.stack.memcached import flush

NAMES = ("stack-rebuild-cached", "stack-rebuild-cold")
FOLLOWEES, POSTS_EACH = 1_000, 3
SETTINGS = {"TIMELINE__READ_BUDGET_MS": "10000"}
PAGE_ITEMS = 20
COMPLETE_SECONDS, LOOK_SECONDS = 60.0, 0.02


def measure(bench: Bench) -> list[Row]:
    with ExitStack() as stack:
        system = stack.enter_context(bench.deployed(settings=SETTINGS))
        reader = _reader(bench, system)
        bench.say("rebuilds of the stored home")
        stored = [_stored(system, reader) for _ in range(bench.rounds)]
        fanout = system.roles.process("fanout")
        # Paused, it would be given up by its groups and begin anew.
        fanout.stop()
        read = _reading(system, reader)
        read()

        def cold() -> float:
            for node in system.stack.memcached:
                flush(node.clients)
            return read()

        with bench.measuring(system, "timeline-0", "tweets-0"):
            measured = bench.interleave({"cached": read, "cold": cold})
    detail = {"stored_home_s": statistics.median(stored)}
    return [
        Row(name, median_of(times), len(times), detail, {side: times})
        for name, (side, times) in zip(NAMES, measured.items(), strict=True)
    ]


def _reader(bench: Bench, system: Deployed) -> int:
    names = handles("followee", bench.size(FOLLOWEES, 50))
    bench.say(f"a reader with {len(names):,} followees, and their posts")
    import_users(system.client, ["returned", *names])
    system.client.admin.import_graph([], (("returned", name) for name in names))
    authors = system.ids_of(names)
    posts = post_requests(bench.rng("rebuild"), authors * POSTS_EACH)
    bench.generator.make_all(system.target, posts)
    system.await_delivered()
    return system.ids_of(["returned"])[0]


def _reading(system: Deployed, reader: int) -> Callable[[], float]:
    """A read of the incomplete home; answers its seconds."""
    client = system.client.acting_as(reader)

    def read() -> float:
        system.client.admin.rebuild_timeline(reader)
        began = time.perf_counter()
        page = client.home_page(PAGE_ITEMS)
        seconds = time.perf_counter() - began
        whole = page.state.status == page.state.STATUS_READY
        if len(page.items) < PAGE_ITEMS or not whole:
            raise BenchFailed(f"A page of an incomplete home has {len(page.items)} items and is not whole.")
        return seconds

    return read


def _stored(system: Deployed, reader: int) -> float:
    """Seconds from the operator's call until the stored home is complete."""
    began = time.perf_counter()
    system.client.admin.rebuild_timeline(reader)
    while system.client.admin.locate_user(reader).home_state.incomplete:
        if time.perf_counter() - began > COMPLETE_SECONDS:
            raise TookTooLong(f"After {COMPLETE_SECONDS:g} s a home is not complete.")
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - began
