"""Protocol B for posts: authors' recent lists against who fills caches with them.

An acked post is in the next read, a deleted one is not, whoever reads; and what a dead writer left undone is done by
the retry, or by the log's consumers.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.history import History
from tests.protocols.posts_bench import PostsBench, PostsMender, PostsProcess, run
from tests.protocols.relations_bench import simulated
from tests.support.scheduled import ProcessDied, dies_at

POSTS, OTHER = 4, 2
UNDONE = ["tweets.create done", "cache.get_many", "cache.get_many done", "cache.cas_many"]
"""Where a writer may die after its store write."""


class Scene:
    def __init__(self, bench: PostsBench) -> None:
        self.bench = bench
        self.processes = [bench.process(), bench.process()]
        self.history: History[int, bool] = History(dict.fromkeys(range(POSTS), False))
        self._tasks: list[Any] = []

    def writer(self, numbers: list[int], deletes: bool) -> None:
        process = self.processes[numbers[0] % 2]

        def task() -> None:
            ids: dict[int, int] = {}
            for n in numbers:
                self.history.change(f"writer {numbers}", n, True, lambda n=n: ids.update({n: process.post(n)}))
                if deletes:
                    self.history.change(f"writer {numbers}", n, False, lambda n=n: process.delete(ids[n]))

        self.spawn(f"writer {numbers}", task)

    def reader(self, which: int, times: int) -> None:
        def read() -> dict[int, bool]:
            found = self.processes[which].recent()
            return {number: number in found for number in range(POSTS)}

        def task() -> None:
            for _ in range(times):
                self.history.read(f"reader {which}", read)

        self.spawn(f"reader {which}", task)

    def evictor(self, times: int) -> None:
        def task() -> None:
            for _ in range(times):
                self.bench.runtime.sleep(self.bench.runtime.random.random() * 0.004)
                self.bench.cache_store.flush(self.bench.call)

        self.spawn("evictor", task)

    def spawn(self, name: str, work: Any) -> None:
        self._tasks.append(self.bench.runtime.spawn(name, work))

    def end(self) -> None:
        for task in self._tasks:
            task.join()
        assert_at_rest(self.bench, self.processes, "\n".join(self.history.told))


def assert_at_rest(bench: PostsBench, processes: list[PostsProcess], told: str = "") -> None:
    stored = bench.stored()
    for process in processes:
        for _ in range(2):
            assert process.recent() == stored, told


@pytest.mark.parametrize("deletes", [False, True])
def test_an_acked_post_is_in_the_next_read(deletes: bool) -> None:
    def main(bench: PostsBench, seed: int) -> None:
        scene = Scene(bench)
        scene.writer([0, 2], deletes=False)
        scene.writer([1, 3], deletes=deletes)
        scene.reader(0, times=4)
        scene.reader(1, times=4)
        scene.evictor(times=seed % 3)
        scene.end()

    for seed in range(50):
        run(simulated(seed), lambda bench, seed=seed: main(bench, seed))


@pytest.mark.parametrize("label", UNDONE)
def test_a_retry_brings_a_dead_writers_post_into_the_next_read(label: str) -> None:
    def main(bench: PostsBench) -> None:
        process = bench.process()
        process.post(0)
        assert process.recent() == {0}
        stored = [False]
        dies = dies_at(label)

        def hook(here: str) -> None:
            stored[0] = stored[0] or here == "tweets.create done"
            if stored[0]:
                dies(here)

        with pytest.raises(ProcessDied):
            bench.process(hook).post(1)
        bench.process().post(1)
        assert process.recent() == {0, 1}

    run(simulated(1), main)


@pytest.mark.parametrize("label", UNDONE)
def test_the_logs_consumer_brings_a_dead_writers_post_into_the_reads(label: str) -> None:
    def main(bench: PostsBench) -> None:
        process = bench.process()
        process.post(0)
        assert process.recent() == {0}
        stored = [False]
        dies = dies_at(label)

        def hook(here: str) -> None:
            stored[0] = stored[0] or here == "tweets.create done"
            if stored[0]:
                dies(here)

        with pytest.raises(ProcessDied):
            bench.process(hook).post(1)
        mender = PostsMender(bench, process)
        mender.run()
        assert_at_rest(bench, [process, bench.process()])
        mender.close()

    run(simulated(1), main)


@pytest.mark.parametrize("label", ["tweets.delete done", "cache.set", "cache.set done"])
@pytest.mark.parametrize("how", ["a retry", "the log's consumer"])
def test_a_dead_writers_delete_is_finished(label: str, how: str) -> None:
    def main(bench: PostsBench) -> None:
        process = bench.process()
        tweet_id = process.post(0)
        assert process.recent() == {0}
        assert process.stands(tweet_id)
        with pytest.raises(ProcessDied):
            bench.process(dies_at(label)).delete(tweet_id)
        if how == "a retry":
            bench.process().delete(tweet_id)
        else:
            mender = PostsMender(bench, process)
            mender.run()
            mender.close()
        assert process.recent() == set()
        assert not process.stands(tweet_id)

    run(simulated(1), main)


def test_a_repeated_repost_brings_a_dead_writers_into_the_next_read() -> None:
    def main(bench: PostsBench) -> None:
        process = bench.process()
        tweet_id = process.post(0)
        assert process.recent(OTHER) == set()
        with pytest.raises(ProcessDied):
            bench.process(dies_at("tweets.create done")).repost(OTHER, tweet_id)
        bench.process().repost(OTHER, tweet_id)
        assert process.recent(OTHER) == {-1}

    run(simulated(1), main)


def test_a_repeated_undo_of_a_repost_is_finished() -> None:
    def main(bench: PostsBench) -> None:
        process = bench.process()
        tweet_id = process.post(0)
        repost_id = process.repost(OTHER, tweet_id)
        assert process.stands(repost_id)
        assert process.recent(OTHER) == {-1}
        with pytest.raises(ProcessDied):
            bench.process(dies_at("tweets.delete done")).delete_repost(OTHER, tweet_id)
        bench.process().delete_repost(OTHER, tweet_id)
        assert not process.stands(repost_id)
        assert process.recent(OTHER) == set()

    run(simulated(1), main)
