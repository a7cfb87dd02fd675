"""Deliveries a second on CQL, from the log to rows and cached heads, beside loops that only insert such rows.

System: one process of each role on a Cassandra node, a Kafka broker and three Memcached nodes. Fan-out is held
(SIGSTOP) while posts are made and published: some of an author with 3,000 followers, and many of ordinary authors (50
followers in the mean). It is let go, and the time runs until the last row is counted: it plans the posts, writes jobs
to Kafka and reads them, reads followers and who is active, writes the rows and prepends them to the heads of all
followers, each of whom has read his home before.

Raw: one process with one session of scylla-driver writes rows of as many posts to as many homes into the same table of
the same node, in unlogged batches whose values it packs itself, and does nothing else: no log, no followers, no heads.
Which number of rows a batch and of batches in flight is best is tried first, in every run (`raw_rows_x_in_flight`); the
best is measured in each round. One row at a time is the same with one insert after the answer to the one before.

Client, node and broker share the cores, so a rate is a share of these; the node's own time a row is in the details.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

from benchmarks.bench import Bench
from benchmarks.deployed import Deployed
from benchmarks.failures import TookTooLong
from benchmarks.intervals import median_of
from benchmarks.large_world import LargeWorld, build
from benchmarks.load import Request
from benchmarks.machine import cpu_seconds
from benchmarks.people import home_requests, post_requests
from benchmarks.raw_cql import HomeRow, RawCql, Shape
from benchmarks.results import Row
from loadtest.system import delivered_rows
from murmuration_server.platform.config import Settings
from murmuration_server.platform.ids import floor_id
from murmuration_server.tweets.candidate import Mode, TweetKind, make_flags

NAMES = ("stack-deliveries", "stack-deliveries-one-by-one")
FOLLOWERS, ACCOUNTS = 3_000, 200
LARGE_POSTS, ORDINARY_POSTS = 6, 300
SHAPES = (Shape(50, 32), Shape(100, 16), Shape(200, 8), Shape(200, 16), Shape(250, 8))
"""A node as it is shipped refuses batches of 300 rows."""
ONE_BY_ONE_ROWS = 500
NOBODY = 1 << 62
"""Above all ids that there are."""
LOOK_SECONDS = 0.1
DELIVERY_SECONDS = 120.0
HELD = {"KAFKA__SESSION_TIMEOUT_MS": "60000"}
"""Fan-out stands still for longer than it may in production, and is to have its partitions afterwards."""


class _Delivered(NamedTuple):
    """`fanout_cpu`, `node_cpu`: processor seconds."""

    rows: int
    seconds: float
    fanout_cpu: float
    node_cpu: float


class _Round(NamedTuple):
    """Rows a second of the raw sides; processor seconds a row of the node below the raw batches."""

    system: _Delivered
    raw: float
    one_by_one: float
    raw_node_cpu: float


def measure(bench: Bench) -> list[Row]:
    with bench.deployed(settings=HELD) as system:
        world = build(bench, system, FOLLOWERS, ACCOUNTS)
        bench.say("every home is read once")
        bench.generator.make_all(system.target, home_requests([*world.large_followers, *world.ordinary.ids]))
        host, _, port = system.stack.cassandra[0].clients.rpartition(":")
        with closing(RawCql(host, int(port), Settings().cql)) as raw:
            rng = bench.rng("posts")
            rows = _like(world, bench, rng)
            shapes = {shape: raw.batched(rows, shape) for shape in (*SHAPES, *reversed(SHAPES))}
            bench.say("raw, rows a second: " + ", ".join(f"{shape} {rate:,.0f}" for shape, rate in shapes.items()))
            best = max(shapes, key=lambda shape: shapes[shape])
            _round(bench, system, world, raw, best, rng)  # warms all sides up
            with bench.measuring(system, "fanout-0"):
                measured = bench.interleave({"all": lambda: _round(bench, system, world, raw, best, rng)})["all"]
    return _rows(measured, best, shapes)


def _round(bench: Bench, system: Deployed, world: LargeWorld, raw: RawCql, shape: Shape, rng: random.Random) -> _Round:
    node = system.stack.cassandra[0].process.pid
    rows = _like(world, bench, rng)
    before = cpu_seconds(node)
    inserted = raw.batched(rows, shape)
    raw_node_cpu = (cpu_seconds(node) - before) / len(rows)
    one_by_one = raw.one_by_one(rows[: bench.size(ONE_BY_ONE_ROWS, 100)])
    delivered = _delivered(system, _posts(world, bench, rng), world, bench)
    return _Round(delivered, inserted, one_by_one, raw_node_cpu)


def _posts(world: LargeWorld, bench: Bench, rng: random.Random) -> list[Request]:
    large = post_requests(rng, [world.large] * bench.size(LARGE_POSTS, 2))
    return large + world.ordinary.posts(bench.size(ORDINARY_POSTS, 20))


def _like(world: LargeWorld, bench: Bench, rng: random.Random) -> list[HomeRow]:
    """Rows as fan-out makes them of such posts, in as many homes, which are nobody's: no read is to meet them."""
    first, flags = floor_id(time.time_ns() // 1_000_000), make_flags(TweetKind.POST, Mode.PUSH)
    posts = enumerate(_posts(world, bench, rng), start=first)
    return [
        (user | NOBODY, id_, post.actor, 0, 0, flags) for id_, post in posts for user in world.followers_of(post.actor)
    ]


def _delivered(system: Deployed, posts: Sequence[Request], world: LargeWorld, bench: Bench) -> _Delivered:
    """Makes posts while fan-out stands still, and lets it go."""
    fanout, node = system.roles.process("fanout"), system.stack.cassandra[0].process.pid
    expected = sum(len(world.followers_of(post.actor)) for post in posts)
    wanted = delivered_rows(fanout.metrics_port) + expected
    fanout.pause()
    try:
        bench.generator.make_all(system.target, posts)
        _await_published(system)
        began, cpu, node_cpu = time.perf_counter(), cpu_seconds(fanout.pid), cpu_seconds(node)
    finally:
        fanout.resume()
    while delivered_rows(fanout.metrics_port) < wanted:
        if time.perf_counter() - began > DELIVERY_SECONDS:
            raise TookTooLong(f"After {DELIVERY_SECONDS:g} s posts are not in all homes.")
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - began
    cpus = cpu_seconds(fanout.pid) - cpu, cpu_seconds(node) - node_cpu
    system.await_delivered()
    return _Delivered(expected, seconds, *cpus)


def _await_published(system: Deployed) -> None:
    deadline = time.monotonic() + DELIVERY_SECONDS
    while system.client.admin.get_backlog().outbox_rows:
        if time.monotonic() > deadline:
            raise TookTooLong(f"After {DELIVERY_SECONDS:g} s posts are not on the log.")
        time.sleep(LOOK_SECONDS)


def _rows(measured: Sequence[_Round], best: Shape, shapes: Mapping[Shape, float]) -> list[Row]:
    systems = [one.system for one in measured]
    delivered, raw = [one.rows / one.seconds for one in systems], [one.raw for one in measured]
    single = [one.one_by_one for one in measured]
    detail: dict[str, Any] = {
        "delivered_rows_per_second": statistics.median(delivered),
        "raw_rows_per_second": statistics.median(raw),
        "one_by_one_rows_per_second": statistics.median(single),
        "raw_rows_x_in_flight": str(best),
        **{f"raw_{shape}_rows_per_second": rate for shape, rate in shapes.items()},
        "rows_a_round": systems[0].rows,
        "fanout_cpu_us_a_row": statistics.median(one.fanout_cpu / one.rows for one in systems) * 1e6,
        "node_cpu_us_a_row": statistics.median(one.node_cpu / one.rows for one in systems) * 1e6,
        "node_cpu_us_a_raw_row": statistics.median(one.raw_node_cpu for one in measured) * 1e6,
    }
    return [
        _row(NAMES[0], delivered, "raw batches", raw, detail),
        _row(NAMES[1], delivered, "one by one", single, {}),
    ]


def _row(name: str, delivered: list[float], other: str, rates: list[float], detail: dict[str, Any]) -> Row:
    ratios = [one / beside for one, beside in zip(delivered, rates, strict=True)]
    return Row(name, median_of(ratios), len(ratios), detail, {"delivery": delivered, other: rates})
