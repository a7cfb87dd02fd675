"""Protocol F: every event whose write was acked gets to the log, whoever pauses or dies on the way (f.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.protocols.outbox_bench import BUCKET_MS, OUTBOX, OutboxBench, Trouble
from tests.protocols.relations_bench import simulated
from tests.support.contract_clock import START_MS
from tests.support.scheduled import Hook, ProcessDied

KINDS = ["users", "graph", "tweets"]
WRITE = {"users": "users.create", "graph": "graph.apply", "tweets": "tweets.create"}
"""The store write of each kind."""


def run(seed: int, kind: str, main: Callable[[OutboxBench], None]) -> None:
    """Runs `main` in a simulation, with a bench."""
    runtime, made = simulated(seed), []

    def inside() -> None:
        made.append(OutboxBench(runtime, kind))
        main(made[0])

    try:
        runtime.run(inside)
    finally:
        for bench in made:
            bench.close()


def sleeps_at(bench: OutboxBench, label: str, ms: float) -> Hook:
    """A process that stands still at a point for so long, once."""
    left = [1]

    def hook(here: str) -> None:
        if here == label and left[0]:
            left[0] = 0
            bench.runtime.sleep(ms / 1000)

    return hook


def relaying(bench: OutboxBench, until: Callable[[], bool], hook: Hook | None = None) -> Any:
    """A relay that is started anew when it dies, and a janitor."""

    def relay() -> None:
        while not until():
            working = bench.relay(hook)
            try:
                while not until():
                    working.run_once(bench.call)
                    bench.runtime.sleep(0.0005)
            except ProcessDied:
                pass

    def janitor() -> None:
        sweeper = bench.janitor()
        while not until():
            sweeper.run_once(bench.call)
            bench.runtime.sleep(0.003)

    bench.runtime.spawn("janitor", janitor)
    return bench.runtime.spawn("relay", relay)


def let_all_be_swept(bench: OutboxBench) -> None:
    """Time in which every bucket there is gets its last sweep."""
    bench.runtime.sleep(6 * BUCKET_MS / 1000)


# Traces


@pytest.mark.parametrize("kind", KINDS)
def test_f_a_writer_that_pauses_across_the_last_sweep_is_published(kind: str) -> None:
    """It takes its bucket and pauses; the bucket is swept for the last time; the row lands there; ack."""

    def main(bench: OutboxBench) -> None:
        relaying(bench, lambda: False)
        # Without a neighbour's row the bucket would not be closed.
        bench.writer(0, None)(9)
        bench.writer(0, sleeps_at(bench, WRITE[kind], 5 * BUCKET_MS))(1)
        let_all_be_swept(bench)
        assert 1 in bench.published()

    for seed in range(5):
        run(seed, kind, main)


@pytest.mark.parametrize("kind", KINDS)
def test_f_a_retry_publishes_what_a_dead_writer_wrote_too_late(kind: str) -> None:
    """The same, but the writer dies before it looks at the clock; the caller comes again and gets the ack."""

    def main(bench: OutboxBench) -> None:
        relaying(bench, lambda: False)
        pause = sleeps_at(bench, WRITE[kind], 5 * BUCKET_MS)

        def hook(label: str) -> None:
            pause(label)
            if label == f"{WRITE[kind]} done":
                raise ProcessDied(label)

        bench.writer(0, None)(9)
        with pytest.raises(ProcessDied):
            bench.writer(0, hook)(1)
        let_all_be_swept(bench)
        assert 1 not in bench.published(), "stored, not acked, and out of the relay's sight"
        bench.writer(0, None)(1)
        let_all_be_swept(bench)
        assert 1 in bench.published()

    for seed in range(3):
        run(seed, kind, main)


def test_f_a_retried_delete_publishes_what_a_dead_one_wrote_too_late() -> None:
    def main(bench: OutboxBench) -> None:
        relaying(bench, lambda: False)
        write = bench.writer(0, None)
        write(1)
        let_all_be_swept(bench)
        pause = sleeps_at(bench, "tweets.delete", 5 * BUCKET_MS)

        def hook(label: str) -> None:
            pause(label)
            if label == "tweets.delete done":
                raise ProcessDied(label)

        def deleted() -> int:
            return sum(envelope.WhichOneof("payload") == "tweet_deleted" for envelope in bench.envelopes())

        doomed, again = bench.deleter(hook), bench.deleter(None)
        write(9)
        with pytest.raises(ProcessDied):
            doomed(1)
        let_all_be_swept(bench)
        assert deleted() == 0, "stored, not acked, and out of the relay's sight"
        again(1)
        let_all_be_swept(bench)
        assert deleted() == 1

    run(1, "tweets", main)


def test_f_a_clock_behind_by_the_margin_is_no_excuse() -> None:
    """The writer's clock is behind the relay's: it must take a bucket for swept before the relay does sweep it."""

    def main(bench: OutboxBench) -> None:
        relaying(bench, lambda: False)
        # Both clocks are in one bucket now; then the row lands when its last sweep is over by the relay's clock, and
        # by the writer's is still to come.
        bench.runtime.sleep(2 * OUTBOX.margin_ms / 1000)
        bench.writer(0, None)(9)
        last_sweep = (bench.rule.present() + 1) * OUTBOX.bucket_ms + OUTBOX.resweep_ms
        land_at = last_sweep + 0.7 * OUTBOX.margin_ms - START_MS - bench.runtime.monotonic() * 1000
        bench.writer(-OUTBOX.margin_ms, sleeps_at(bench, "users.create", land_at))(1)
        let_all_be_swept(bench)
        assert 1 in bench.published()

    for seed in range(10):
        run(seed, "users", main)


@pytest.mark.parametrize("label", ["log.append", "log.append done", "source.read_outbox done"])
def test_f_a_relay_that_dies_loses_nothing(label: str) -> None:
    def main(bench: OutboxBench) -> None:
        write = bench.writer(0, None)
        write(1)

        def hook(here: str) -> None:
            if here == label:
                raise ProcessDied(label)

        with pytest.raises(ProcessDied):
            bench.relay(hook).run_once(bench.call)
        write(2)
        relaying(bench, lambda: False)
        let_all_be_swept(bench)
        write(3)
        let_all_be_swept(bench)
        assert set(bench.published()) == {1, 2, 3}

    run(1, "users", main)


@pytest.mark.parametrize("look", [1, 3])
def test_f_a_relay_that_pauses_passes_over_no_bucket(look: int) -> None:
    """It sees that bucket b is empty and b + 1 is not, and pauses; a row lands in b, in time, and is acked; the relay
    finds that the time of b + 1 has come. The third look would be one for closing."""

    def main(bench: OutboxBench) -> None:
        looked = [0]

        def pauses_after_a_look(label: str) -> None:
            looked[0] += label == "source.next_outbox_bucket done"
            if looked[0] == look:
                looked[0] += 1
                bench.runtime.sleep(2 * BUCKET_MS / 1000)

        bench.runtime.sleep(0.75 * BUCKET_MS / 1000)
        slow = bench.writer(0, sleeps_at(bench, "users.create", 0.75 * BUCKET_MS))
        task = bench.runtime.spawn("slow", lambda: slow(1))
        bench.runtime.sleep(0.4 * BUCKET_MS / 1000)
        bench.writer(0, None)(9)
        relay = bench.relay(pauses_after_a_look)
        relay.run_once(bench.call)
        task.join()
        let_all_be_swept(bench)
        relay.run_once(bench.call)
        assert set(bench.published()) == {1, 9}

    run(1, "users", main)


# All orders


@pytest.mark.parametrize("kind", KINDS)
def test_f_every_acked_event_is_published(kind: str) -> None:
    """Writers with clocks that differ by the margin pause and die anywhere, and so does the relay."""

    def main(bench: OutboxBench, seed: int) -> None:
        acked: list[int] = []
        done: list[int] = []
        writers = 3

        def writer(which: int) -> None:
            trouble = Trouble(bench.runtime, deaths=seed % 2)
            write = bench.writer((-1, 0, 1)[which], trouble)
            for n in range(1 + which, 1 + 3 * writers, writers):
                while n not in acked:
                    try:
                        write(n)
                        acked.append(n)
                    except ProcessDied:
                        bench.runtime.sleep(bench.runtime.random.random() * 3 * BUCKET_MS / 1000)
                        write = bench.writer((-1, 0, 1)[which], trouble)
            done.append(which)

        relay = relaying(bench, lambda: len(done) == writers, Trouble(bench.runtime, deaths=2, pause_odds=0.05))
        tasks = [bench.runtime.spawn(f"writer {which}", lambda which=which: writer(which)) for which in range(writers)]
        for task in [*tasks, relay]:
            task.join()
        # What is left of the last buckets is for one more relay, which nothing disturbs.
        let_all_be_swept(bench)
        bench.relay(None).run_once(bench.call)
        missing = set(acked) - set(bench.published())
        assert not missing, f"seed {seed}: acked and never published: {missing}"

    for seed in range(25):
        run(seed, kind, lambda bench, seed=seed: main(bench, seed))
