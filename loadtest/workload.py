"""The workload: who does what, after how long. One model for the demo, benchmarks and Locust.

    graph = synthetic(users=10_000, mean_followers=20, seed=7)
    stream = Workload(graph, MIXES["everyday"], seed=7).stream(0)
    for step in stream.session().steps:
        ...                     # wait step.think_seconds, then do step.action as step.actor

Everything is drawn from the seed and nothing from a clock: the same graph, mix, seed and number of a stream give the
same sessions. Streams of other numbers are independent, so each user of a load test, thread or process takes its own.
Users are those of the graph: numbers from 0, the most followed first.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from types import MappingProxyType
from typing import Generic, TypeVar

from loadtest.graphs import SocialGraph
from loadtest.texts import Texts

ZIPF = 0.99
"""The usual exponent: that of the Yahoo Cloud Serving Benchmark (Cooper et al., SoCC 2010)."""
CELEBRITIES = 10
GOLDEN_RATIO = (1 + math.sqrt(5)) / 2

_Item = TypeVar("_Item")


class Action(StrEnum):
    HOME = "home"  # the first page of a home
    REFRESH = "refresh"  # what is newer than the newest that the reader has seen
    WALK = "walk"  # a home page by page, to Mix.walk_pages
    POST = "post"
    REPLY = "reply"  # to something that somebody has seen lately
    REPOST = "repost"  # of something that somebody has seen lately
    DELETE = "delete"  # a post, and its deletion
    FOLLOW = "follow"  # of Step.other
    UNFOLLOW = "unfollow"  # of somebody in the actor's home


WRITES = frozenset({Action.POST, Action.REPLY, Action.REPOST, Action.DELETE})
_POSTS = frozenset({Action.POST, Action.DELETE})


@dataclass(frozen=True)
class Mix:
    """A kind of traffic, as data.

    weights: how often each action comes, in any unit. readers, authors: Zipf exponents; 0 is everybody alike.
    celebrities: share of writes that the most followed CELEBRITIES make. returning: in a stream nobody reads twice
    before all have read once, and streams begin far from each other: few readers are in a cache. walk_pages: pages of a
    WALK. session_steps: their mean. think_seconds: mean time between the intended beginnings of two steps.
    """

    name: str
    meaning: str
    weights: Mapping[Action, float]
    readers: float = ZIPF
    authors: float = ZIPF
    celebrities: float = 0.0
    returning: bool = False
    walk_pages: int = 2
    session_steps: float = 8.0
    think_seconds: float = 1.0


_READS = {Action.HOME: 59, Action.REFRESH: 35, Action.WALK: 5}
_WRITES = {Action.POST: 0.7, Action.REPLY: 0.15, Action.REPOST: 0.1, Action.DELETE: 0.05}

MIXES: Mapping[str, Mix] = MappingProxyType(
    {
        mix.name: mix
        for mix in (
            Mix("everyday", "99 reads to a write", {**_READS, **_WRITES}),
            Mix(
                "write-burst",
                "as many writes as reads",
                {
                    Action.HOME: 30,
                    Action.REFRESH: 20,
                    Action.POST: 40,
                    Action.REPLY: 5,
                    Action.REPOST: 4,
                    Action.DELETE: 1,
                },
            ),
            Mix(
                "celebrity-storm",
                "nearly all posts are of the ten most followed, and everybody refreshes",
                {Action.HOME: 25, Action.REFRESH: 70, Action.POST: 5},
                celebrities=0.95,
            ),
            Mix(
                "returning", "nobody has read lately", {Action.HOME: 97, Action.WALK: 2, Action.POST: 1}, returning=True
            ),
            Mix("deep-paging", "homes are read to their end", {Action.WALK: 99, Action.POST: 1}, walk_pages=40),
            Mix(
                "follow-churn",
                "a fifth of all steps change who follows whom",
                {Action.HOME: 69, Action.REFRESH: 10, Action.FOLLOW: 10, Action.UNFOLLOW: 10, Action.POST: 1},
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Step:
    """think_seconds: from the intended beginning of the step before to that of this one, however long that one took.
    actor: the session's reader, or for a write its author. other: whom a FOLLOW follows. text: of what is written."""

    think_seconds: float
    action: Action
    actor: int
    other: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """What one reader does, from opening the app to closing it; writes between are of authors all over the graph."""

    reader: int
    steps: tuple[Step, ...]


class Zipf(Generic[_Item]):
    """Draws items; the one at place k (from 1) with a weight of 1 / k ** exponent. Raises ValueError without items."""

    def __init__(self, items: Sequence[_Item], exponent: float = ZIPF) -> None:
        if not items:
            raise ValueError("there is nothing to draw from")
        self._items = items
        self._sums = list(accumulate(place**-exponent for place in range(1, len(items) + 1)))

    def draw(self, rng: random.Random) -> _Item:
        return self._items[bisect(self._sums, rng.random() * self._sums[-1], hi=len(self._sums) - 1)]


class Workload:
    """A mix on a graph. Who reads much and who writes much is drawn from the seed, apart from who is followed much."""

    def __init__(self, graph: SocialGraph, mix: Mix, seed: int) -> None:
        self.graph, self.mix, self.seed = graph, mix, seed
        rng = random.Random(f"workload {seed}")
        self.people = rng.sample(graph.users, len(graph.users))
        self.readers = Zipf(self.people, mix.readers)
        followed = graph.followed_users or graph.users
        self.authors = Zipf(rng.sample(followed, len(followed)), mix.authors)
        self.celebrities = followed[:CELEBRITIES]
        self.actions = tuple(mix.weights)
        self.action_sums = tuple(accumulate(mix.weights.values()))

    def stream(self, number: int) -> Stream:
        return Stream(self, number)


class Stream:
    """Choices of a workload, one after another; not for two threads."""

    def __init__(self, workload: Workload, number: int) -> None:
        self.rng = random.Random(f"{workload.seed} {workload.mix.name} {number}")
        self._workload, self._mix = workload, workload.mix
        self._texts = Texts(self.rng)
        self._coming = self._all_readers(number)

    def reader(self) -> int:
        return next(self._coming) if self._mix.returning else self._workload.readers.draw(self.rng)

    def author(self) -> int:
        """Somebody who is followed."""
        if self.rng.random() < self._mix.celebrities:
            return self.rng.choice(self._workload.celebrities)
        return self._workload.authors.draw(self.rng)

    def action(self) -> Action:
        (action,) = self.rng.choices(self._workload.actions, cum_weights=self._workload.action_sums)
        return action

    def post_text(self) -> str:
        return self._texts.post()

    def reply_text(self) -> str:
        return self._texts.reply()

    def think_seconds(self) -> float:
        """Exponential: the steps of many readers together are a Poisson process."""
        return self.rng.expovariate(1 / self._mix.think_seconds)

    def session(self) -> Session:
        """At least one step; how many is geometric, with the mix's mean."""
        reader, goes_on = self.reader(), 1 - 1 / self._mix.session_steps
        steps = [self._step(reader)]
        while self.rng.random() < goes_on:
            steps.append(self._step(reader))
        return Session(reader, tuple(steps))

    def sessions(self) -> Iterator[Session]:
        """Without end."""
        while True:
            yield self.session()

    def _step(self, reader: int) -> Step:
        action, think = self.action(), self.think_seconds()
        actor = self.author() if action in WRITES else reader
        other = self._somebody_but(reader) if action is Action.FOLLOW else 0
        text = self.reply_text() if action is Action.REPLY else self.post_text() if action in _POSTS else ""
        return Step(think, action, actor, other, text)

    def _somebody_but(self, reader: int) -> int:
        while (author := self.author()) == reader:
            pass
        return author

    def _all_readers(self, number: int) -> Iterator[int]:
        """Everybody in turn. The places at which streams begin are spread as multiples of the golden ratio are: however
        many there are, none begins close behind another."""
        people = self._workload.people
        place = int(number * GOLDEN_RATIO % 1 * len(people))
        while True:
            yield people[place]
            place = (place + 1) % len(people)
