"""Probes: a post, and reads of a follower's home until it is there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from benchmarks.failures import TookTooLong
from benchmarks.intervals import percentile, pooled_percentile, resampled
from benchmarks.large_world import LargeWorld
from benchmarks.results import Row

SHARE = 0.99
SEEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Probing:
    """Probes at fixed times, for so long. `look_seconds`: the pause between two reads of one probe."""

    seconds: float
    per_second: float
    look_seconds: float

    def run(self, world: LargeWorld, pool: Executor) -> list[float]:
        """By small authors and followers of theirs in turns. Seconds from when each should have begun until its post
        was seen. Raises TookTooLong."""
        began, authors = time.perf_counter(), list(world.small)

        def one(number: int) -> float:
            intended = began + number / self.per_second
            time.sleep(max(0.0, intended - time.perf_counter()))
            author = authors[number % len(authors)]
            follower = world.small[author][number % len(world.small[author])]
            return self._post_and_see(world, author, follower) - intended

        return list(pool.map(one, range(int(self.seconds * self.per_second))))

    def _post_and_see(self, world: LargeWorld, author: int, follower: int) -> float:
        """Answers the moment at which the follower's home has shown the post."""
        client = world.system.client
        posted = client.acting_as(author).create_tweet("Can you see this?").tweet_id
        reader, deadline = client.acting_as(follower), time.perf_counter() + SEEN_SECONDS
        while True:
            page = reader.home_page(since_tweet_id=posted - 1)
            if any(item.tweet.tweet_id == posted for item in page.items):
                return time.perf_counter()
            if time.perf_counter() > deadline:
                raise TookTooLong(f"After {SEEN_SECONDS:g} s a post is not in a follower's home.")
            time.sleep(self.look_seconds)


def row_of_probes(name: str, measured: Sequence[list[float]], detail: Mapping[str, float | str]) -> Row:
    """The p99 of all probes of all rounds."""
    everything = [seconds for times in measured for seconds in times]
    figures = {
        "p50_s": percentile(everything, 0.5),
        "greatest_s": max(everything),
        "probes": len(everything),
        **detail,
    }
    series = {"p99": [percentile(times, SHARE) for times in measured]}
    return Row(name, resampled(measured, pooled_percentile(SHARE)), len(measured), figures, series)
