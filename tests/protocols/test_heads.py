"""Protocol A: a cached head is filled, prepended to, evicted and trimmed at once; no committed row is missing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from murmuration_server.cache.memory import MemoryCache
from murmuration_server.cache.port import CacheKey
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.ids import MAX_ID
from murmuration_server.timeline.heads import CachedHeads
from murmuration_server.timeline.store import Progress
from murmuration_server.timeline.stores.sqlite import SqliteHomeStore
from murmuration_server.tweets.client import Candidate
from tests.support.port_wrapper import Unfilled
from tests.support.sim_ports import ScheduledPort
from tests.support.sim_runtime import DirectedRuntime

USER, SIZE = 7, 2
SETTINGS = TimelineSettings()
SEEDS = 250
HEAD = CacheKey(USER, f"head.1:{USER}")


def post(tweet_id: int) -> Candidate:
    return Candidate(tweet_id, 1, 0, 0, 1)


class HeadsBench:
    """One store and one cache; `heads` is what each process makes of them."""

    def __init__(self, runtime: DirectedRuntime) -> None:
        self.runtime = runtime
        self.rows = SqliteHomeStore(None, runtime)
        self.entries = MemoryCache(runtime)
        self.committed: set[int] = set()

    def call(self) -> Call:
        return Call.background(self.runtime, 600)

    def heads(self, settings: TimelineSettings = SETTINGS, size: int = SIZE, cache: Any = None) -> CachedHeads:
        homes: Any = ScheduledPort("homes", self.rows, self.runtime)
        entries: Any = ScheduledPort("cache", cache or self.entries, self.runtime)
        return CachedHeads(homes, entries, self.runtime, settings, size)

    def deliver(self, heads: CachedHeads, *tweet_ids: int) -> None:
        heads.write(self.call(), [(USER, post(tweet_id)) for tweet_id in tweet_ids])
        self.committed.update(tweet_ids)

    def read(self, heads: CachedHeads, limit: int = SIZE) -> list[int]:
        """Held against what was committed before."""
        before = set(self.committed)
        found = [row.tweet_id for row in heads.read(self.call(), USER, MAX_ID, 0, limit)]
        assert found == sorted(set(found), reverse=True)
        least = found[-1] if len(found) == limit else 0
        missing = {tweet_id for tweet_id in before if tweet_id >= least} - set(found)
        assert not missing, f"{found} lacks {missing}"
        return found

    def evict(self) -> None:
        self.entries.delete(self.call(), HEAD)

    def held(self) -> bytes:
        found = self.entries.get_many(self.call(), [HEAD]).get(HEAD)
        return found.value if found else b""


def run(seed: int, main: Callable[[HeadsBench], None]) -> None:
    runtime = DirectedRuntime(seed)

    def inside() -> None:
        bench = HeadsBench(runtime)
        main(bench)
        bench.rows.close()

    runtime.run(inside)


def test_a_no_committed_row_is_missing() -> None:
    """Two readers, two deliveries of several posts, one of them twice, evictions; ids in any order."""

    def main(bench: HeadsBench, seed: int) -> None:
        runtime = bench.runtime
        bench.deliver(bench.heads(), 20, 30, 40)

        def reader() -> None:
            heads = bench.heads()
            for turn in range(6):
                bench.read(heads, limit=1 + turn % 4)

        def delivery(number: int) -> None:
            heads = bench.heads()
            ids = [runtime.random.randrange(10, 90) for _ in range(3)]
            for tweet_id in [*ids, ids[0]]:
                bench.deliver(heads, tweet_id)

        def evictor() -> None:
            for _ in range(seed % 4):
                runtime.checkpoint("evict")
                runtime.sleep(runtime.random.random() * 0.002)
                bench.evict()

        tasks = [runtime.spawn(f"reader-{n}", reader) for n in range(2)]
        tasks += [runtime.spawn(f"delivery-{n}", lambda n=n: delivery(n)) for n in range(2)]  # type: ignore[misc]
        tasks.append(runtime.spawn("evictor", evictor))
        for task in tasks:
            task.join()
        for limit in (1, SIZE, SIZE + 1, 100):
            bench.read(bench.heads(), limit)

    for seed in range(SEEDS):
        run(seed, lambda bench, seed=seed: main(bench, seed))  # type: ignore[misc]


def test_a_a_row_that_is_committed_while_a_head_is_filled_is_in_it() -> None:
    """The rows are read; then one is written and prepended to LOADING; then the head is put in."""

    def main(bench: HeadsBench) -> None:
        bench.deliver(bench.heads(), 20, 30)
        filling = bench.runtime.hold("filler", "homes.read.done")
        filler = bench.runtime.spawn("filler", lambda: (bench.read(bench.heads()), None)[1])
        filling.wait()
        bench.deliver(bench.heads(), 40)
        filling.open()
        filler.join()
        assert bench.read(bench.heads()) == [40, 30]
        assert bench.held()[-17:-16] == b"H"

    run(1, main)


@pytest.mark.parametrize("where", ["homes.read.done", "cache.get_many.done"])
def test_a_a_fill_that_is_late_replaces_nobody_elses_loading(where: str) -> None:
    """His LOADING is evicted; somebody else adds his own; a row is prepended to that; the late one goes on."""

    def main(bench: HeadsBench) -> None:
        bench.deliver(bench.heads(), 20, 30)
        passes = 0 if where.startswith("homes") else 1
        late = bench.runtime.hold("late", where, passes=passes)
        first = bench.runtime.spawn("late", lambda: (bench.read(bench.heads()), None)[1])
        late.wait()
        bench.evict()
        # This is prepended to nothing.
        bench.deliver(bench.heads(), 40)
        second = bench.runtime.hold("second", "homes.read")
        other = bench.runtime.spawn("second", lambda: (bench.read(bench.heads()), None)[1])
        second.wait()
        late.open()
        first.join()
        assert bench.read(bench.heads()) == [40, 30]
        second.open()
        other.join()
        assert bench.read(bench.heads()) == [40, 30]

    run(1, main)


def test_a_a_head_is_complete_only_down_to_the_last_of_its_newest_entries() -> None:
    """Below that it may lack what was committed while it was not there."""

    def main(bench: HeadsBench) -> None:
        heads = bench.heads()
        bench.deliver(heads, 20, 30, 40)
        assert bench.read(heads) == [40, 30]
        assert bench.read(heads, limit=4) == [40, 30, 20]
        bench.deliver(heads, 10)
        assert bench.read(heads, limit=4) == [40, 30, 20, 10]
        bench.deliver(heads, 50)
        assert bench.read(heads, limit=5) == [50, 40, 30, 20, 10]

    run(1, main)


def test_a_an_oversized_head_is_rewritten_by_cas() -> None:
    def main(bench: HeadsBench) -> None:
        heads = bench.heads()
        bench.deliver(heads, 1)
        bench.read(heads)
        for tweet_id in range(2, 10):
            bench.deliver(heads, tweet_id)
        large = len(bench.held())
        reading = bench.runtime.hold("reader", "cache.cas_many")
        reader = bench.runtime.spawn("reader", lambda: (bench.read(heads), None)[1])
        reading.wait()
        bench.deliver(heads, 10)
        reading.open()
        reader.join()
        assert bench.read(heads) == [10, 9]
        assert len(bench.held()) < large
        assert bench.read(heads, limit=20) == list(range(10, 0, -1))

    run(1, main)


def test_a_posts_that_come_at_once_are_all_in_a_head() -> None:
    def main(bench: HeadsBench) -> None:
        heads = bench.heads()
        bench.deliver(heads, 1)
        assert bench.read(heads) == [1]
        bench.deliver(heads, 2, 3)
        bench.runtime.note("homes.read", "cache.get_many")
        assert bench.read(heads) == [3, 2]
        assert [label for label, _ in bench.runtime.seen] == ["cache.get_many"], "the head has them"

    run(1, main)


def test_deliveries_make_no_heads() -> None:
    def main(bench: HeadsBench) -> None:
        bench.deliver(bench.heads(), 20)
        assert bench.held() == b""

    run(1, main)


def test_a_page_costs_one_look_up() -> None:
    def main(bench: HeadsBench) -> None:
        heads = bench.heads(size=10)
        bench.deliver(heads, *range(1, 31))
        bench.read(heads, limit=10)
        bench.runtime.note("homes.read", "cache.get_many")
        assert bench.read(heads, limit=10) == list(range(30, 20, -1))
        assert [label for label, _ in bench.runtime.seen] == ["cache.get_many"]

    run(1, main)


def test_a_head_is_a_miss_before_its_reader_may_be_skipped() -> None:
    """He filled it, was away, and fan-out has skipped him; since then it lacks something."""
    settings = TimelineSettings(activity_horizon_ms=100_000, activity_margin_ms=10_000, activity_touch_ms=5_000)

    def main(bench: HeadsBench) -> None:
        heads = bench.heads(settings)
        bench.deliver(heads, 20)
        assert bench.read(heads) == [20]
        # Skipped, then written by the rebuild into a home whose head does not hear of it.
        bench.rows.write(bench.call(), [(USER, post(30))])
        bench.runtime.advance(84)
        assert [row.tweet_id for row in heads.read(bench.call(), USER, MAX_ID, 0, SIZE)] == [20]
        bench.runtime.advance(2)
        for _ in range(2):
            assert bench.read(heads) == [30, 20]
        bench.runtime.note("homes.read")
        bench.read(heads, limit=1)
        assert not bench.runtime.seen, "filled anew"

    run(1, main)


def test_a_delivery_whose_prepend_fails_is_done_again() -> None:
    def main(bench: HeadsBench) -> None:
        heads = bench.heads()
        bench.deliver(heads, 20)
        bench.read(heads)

        def away(*_arguments: object) -> None:
            raise Unavailable("the cache")

        bench.runtime.hooks["cache.prepend_many"] = away
        with pytest.raises(Unavailable):
            bench.deliver(heads, 30)
        bench.runtime.hooks.clear()
        bench.deliver(heads, 30)
        assert bench.read(heads) == [30, 20]

    run(1, main)


def test_a_resume_point_moves_only_when_the_heads_have_its_rows() -> None:
    """Or the job would go on behind rows that a head lacks."""

    def main(bench: HeadsBench) -> None:
        heads = bench.heads()
        bench.deliver(heads, 20)
        bench.read(heads)

        def away(*_arguments: object) -> None:
            raise Unavailable("the cache")

        def deliver() -> None:
            heads.write(bench.call(), [(USER, post(30))], [Progress(30, 0, USER)])

        bench.runtime.hooks["cache.prepend_many"] = away
        with pytest.raises(Unavailable):
            deliver()
        assert heads.progress(bench.call(), [(30, 0)]) == [0]
        bench.runtime.hooks.clear()
        deliver()
        assert heads.progress(bench.call(), [(30, 0)]) == [USER]
        assert bench.read(heads) == [30, 20]

    run(1, main)


@pytest.mark.parametrize("done", [False, True])
def test_a_cache_that_fails_costs_only_time(done: bool) -> None:
    def main(bench: HeadsBench) -> None:
        failing = Unfilled(bench.entries, "add_many", "cas_many", done=done)
        heads = bench.heads(cache=failing)
        bench.deliver(heads, 20, 30)
        assert bench.read(heads) == [30, 20]
        failing.failing.remove("add_many")
        for _ in range(2):
            assert bench.read(heads) == [30, 20]

    run(1, main)
