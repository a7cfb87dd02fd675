"""The world of the delivery figures: one author with 28,459 followers, authors with ten, and ordinary people of
the workload model.

28,459 is the number of followers in loadtest/data/ego-twitter-top100.tsv.gz: all of them follow the large author.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.bench import Bench
from benchmarks.people import People, handles, import_users, settle
from benchmarks.system import Measured
from loadtest.graphs import synthetic

FOLLOWERS = 28_459
SMALL_AUTHORS, SMALL_FOLLOWERS = 20, 10
ORDINARY, MEAN_FOLLOWERS = 1_000, 50


@dataclass(frozen=True)
class LargeWorld:
    """User ids. `small`: author to his followers, none of whom follows another small author."""

    system: Measured
    large: int
    large_followers: list[int]
    small: dict[int, list[int]]
    ordinary: People

    def followers_of(self, author: int) -> Sequence[int]:
        """Of the large author or of an ordinary one."""
        return self.large_followers if author == self.large else self.ordinary.followers_of(author)


def build(bench: Bench, system: Measured, most_followers: int = FOLLOWERS, accounts: int = ORDINARY) -> LargeWorld:
    """Through ImportGraph. Nothing waits to be delivered when it is done. `accounts`: ordinary ones."""
    followers = handles("f", bench.size(most_followers, 300))
    small = handles("small", SMALL_AUTHORS)
    bench.say(f"an author with {len(followers):,} followers, and ordinary accounts")
    client = system.client
    ordinary = settle(system, synthetic(bench.size(accounts, 60), bench.size(MEAN_FOLLOWERS, 10), seed=1))
    import_users(client, ["large", *followers, *small])
    client.admin.import_graph([], ((follower, "large") for follower in followers))
    places = range(0, SMALL_AUTHORS * SMALL_FOLLOWERS, SMALL_FOLLOWERS)
    theirs = {author: followers[place : place + SMALL_FOLLOWERS] for author, place in zip(small, places, strict=True)}
    client.admin.import_graph([], ((follower, author) for author in small for follower in theirs[author]))
    system.await_delivered()
    [large] = system.ids_of(["large"])
    return LargeWorld(
        system,
        large,
        sorted(client.iter_followers(large)),
        dict(zip(system.ids_of(small), map(system.ids_of, theirs.values()), strict=True)),
        ordinary,
    )
