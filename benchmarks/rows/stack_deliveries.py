"""Deliveries a second on CQL, from the log to rows and cached heads, beside loops that only insert such rows.

System: one process of each role on a Cassandra node, a Kafka broker and three Memcached nodes. Fan-out is held
(SIGSTOP) while posts are made and published: some of an author with 3,000 followers, and many of ordinary authors (50
followers in the mean). It is let go, and the time runs until the last row is counted: it plans the posts, writes jobs
to Kafka and reads them, reads followers and who is active, writes the rows and prepends them to the heads of all
followers, each of whom has read his home before.

Raw: one process with one session of scylla-driver writes rows of as many posts to as many homes into the same table of
the same node, in unlogged batches whose values it packs itself, home by home, since of a home's rows in one batch a
node makes one write; and does nothing else: no log, no followers, no heads. Which number of rows a batch and of batches
in flight is best is tried first, in every run (`raw_rows_x_in_flight`); the best is measured in each round. One row at
a time is the same with one insert after the answer to the one before.

The same rows post by post, as fan-out wrote them before, are a detail. The sides run in turns (A B C D, D C B A, …): a
node compacts what was written a moment before. All run some times before they are measured, and still the node compiles
its own code while they are. Client, node and broker share the cores, so a rate is a share of these; the node's own time
a row is in the details, what it compiles and compacts of the threads that are still there.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from operator import itemgetter
from typing import Any, NamedTuple

from benchmarks.bench import Bench
from benchmarks.deployed import Deployed
from benchmarks.failures import TookTooLong
from benchmarks.intervals import median_of
from benchmarks.large_world import LargeWorld, build
from benchmarks.load import Request
from benchmarks.machine import cpu_seconds, thread_cpu_seconds
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
WARM_ROUNDS = 3
LOOK_SECONDS = 0.1
DELIVERY_SECONDS = 120.0
HELD = {"KAFKA__SESSION_TIMEOUT_MS": "60000"}
"""Fan-out stands still for longer than it may in production, and is to have its partitions afterwards."""


class _Cpu(NamedTuple):
    """Processor seconds of the node: all, and what of them went into compiling its own code and compacting tables."""

    all: float
    compiling: float
    compacting: float

    @classmethod
    def of(cls, pid: int) -> _Cpu:
        """Until now."""
        return cls(
            cpu_seconds(pid), thread_cpu_seconds(pid, "C1 Comp", "C2 Comp"), thread_cpu_seconds(pid, "CompactionExec")
        )

    def since(self, before: _Cpu, rows: int) -> _Cpu:
        """Of a row."""
        return _Cpu(*((now - then) / rows for now, then in zip(self, before, strict=True)))


class _Written(NamedTuple):
    """Rows a second; processor seconds of a row. `fanout`: 0 where fan-out did not write them."""

    rows: int
    rate: float
    node: _Cpu
    fanout: float = 0.0


def measure(bench: Bench) -> list[Row]:
    with bench.deployed(settings=HELD) as system:
        world = build(bench, system, FOLLOWERS, ACCOUNTS)
        bench.say("every home is read once")
        bench.generator.make_all(system.target, home_requests([*world.large_followers, *world.ordinary.ids]))
        host, _, port = system.stack.cassandra[0].clients.rpartition(":")
        with closing(RawCql(host, int(port), Settings().cql)) as raw:
            rng, node = bench.rng("posts"), system.stack.cassandra[0].process.pid
            rows = _like(world, bench, rng)
            shapes = {shape: raw.batched(rows, shape) for shape in (*SHAPES, *reversed(SHAPES))}
            bench.say("raw, rows a second: " + ", ".join(f"{shape} {rate:,.0f}" for shape, rate in shapes.items()))
            best = max(shapes, key=lambda shape: shapes[shape])

            def inserted() -> _Written:
                rows, before = _like(world, bench, rng), _Cpu.of(node)
                rate = raw.batched(rows, best)
                return _Written(len(rows), rate, _Cpu.of(node).since(before, len(rows)))

            def post_by_post() -> float:
                return raw.batched(sorted(_like(world, bench, rng), key=itemgetter(1)), best)

            def one_by_one() -> float:
                return raw.one_by_one(_like(world, bench, rng)[: bench.size(ONE_BY_ONE_ROWS, 100)])

            def delivered() -> _Written:
                return _delivered(system, _posts(world, bench, rng), world, bench)

            sides: dict[str, Callable[[], Any]] = {
                "raw": inserted,
                "raw, post by post": post_by_post,
                "one by one": one_by_one,
                "delivery": delivered,
            }
            for _ in range(bench.size(WARM_ROUNDS, 1)):
                for side in sides.values():
                    side()
            with bench.measuring(system, "fanout-0"):
                measured = bench.interleave(sides)
    return _rows(measured, best, shapes)


def _posts(world: LargeWorld, bench: Bench, rng: random.Random) -> list[Request]:
    large = post_requests(rng, [world.large] * bench.size(LARGE_POSTS, 2))
    return large + world.ordinary.posts(bench.size(ORDINARY_POSTS, 20))


def _like(world: LargeWorld, bench: Bench, rng: random.Random) -> list[HomeRow]:
    """Rows as fan-out makes them of such posts, home by home, in as many homes, which are nobody's: no read is to meet
    them."""
    first, flags = floor_id(time.time_ns() // 1_000_000), make_flags(TweetKind.POST, Mode.PUSH)
    posts = enumerate(_posts(world, bench, rng), start=first)
    return sorted(
        (user | NOBODY, id_, post.actor, 0, 0, flags) for id_, post in posts for user in world.followers_of(post.actor)
    )


def _delivered(system: Deployed, posts: Sequence[Request], world: LargeWorld, bench: Bench) -> _Written:
    """Makes posts while fan-out stands still, and lets it go."""
    fanout, node = system.roles.process("fanout"), system.stack.cassandra[0].process.pid
    expected = sum(len(world.followers_of(post.actor)) for post in posts)
    wanted = delivered_rows(fanout.metrics_port) + expected
    fanout.pause()
    try:
        bench.generator.make_all(system.target, posts)
        _await_published(system)
        began, cpu, node_cpu = time.perf_counter(), cpu_seconds(fanout.pid), _Cpu.of(node)
    finally:
        fanout.resume()
    while delivered_rows(fanout.metrics_port) < wanted:
        if time.perf_counter() - began > DELIVERY_SECONDS:
            raise TookTooLong(f"After {DELIVERY_SECONDS:g} s posts are not in all homes.")
        time.sleep(LOOK_SECONDS)
    seconds = time.perf_counter() - began
    spent = _Cpu.of(node).since(node_cpu, expected), (cpu_seconds(fanout.pid) - cpu) / expected
    system.await_delivered()
    return _Written(expected, expected / seconds, *spent)


def _await_published(system: Deployed) -> None:
    deadline = time.monotonic() + DELIVERY_SECONDS
    while system.client.admin.get_backlog().outbox_rows:
        if time.monotonic() > deadline:
            raise TookTooLong(f"After {DELIVERY_SECONDS:g} s posts are not on the log.")
        time.sleep(LOOK_SECONDS)


def _rows(measured: Mapping[str, list[Any]], best: Shape, shapes: Mapping[Shape, float]) -> list[Row]:
    systems: list[_Written] = measured["delivery"]
    inserted: list[_Written] = measured["raw"]
    single: list[float] = measured["one by one"]
    delivered, raw = [one.rate for one in systems], [one.rate for one in inserted]
    detail: dict[str, Any] = {
        "delivered_rows_per_second": statistics.median(delivered),
        "raw_rows_per_second": statistics.median(raw),
        "raw_post_by_post_rows_per_second": statistics.median(measured["raw, post by post"]),
        "one_by_one_rows_per_second": statistics.median(single),
        "raw_rows_x_in_flight": str(best),
        **{f"raw_{shape}_rows_per_second": rate for shape, rate in shapes.items()},
        "rows_a_round": systems[0].rows,
        "fanout_cpu_us_a_row": statistics.median(one.fanout for one in systems) * 1e6,
        **_node_cpu("row", systems),
        **_node_cpu("raw_row", inserted),
    }
    return [
        _row(NAMES[0], delivered, "raw batches", raw, detail),
        _row(NAMES[1], delivered, "one by one", single, {}),
    ]


def _node_cpu(row: str, written: Sequence[_Written]) -> dict[str, float]:
    """Microseconds."""
    return {
        f"node_cpu_us_a_{row}": statistics.median(one.node.all for one in written) * 1e6,
        f"node_compiling_us_a_{row}": statistics.median(one.node.compiling for one in written) * 1e6,
        f"node_compacting_us_a_{row}": statistics.median(one.node.compacting for one in written) * 1e6,
    }


def _row(name: str, delivered: list[float], other: str, rates: list[float], detail: dict[str, Any]) -> Row:
    ratios = [one / beside for one, beside in zip(delivered, rates, strict=True)]
    return Row(name, median_of(ratios), len(ratios), detail, {"delivery": delivered, other: rates})
