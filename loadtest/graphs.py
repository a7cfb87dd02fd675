"""Who follows whom: read from a file, or made up by the fitted law of loadtest/degrees.py.

Users are numbers from 0, the most followed first. A graph is two arrays of 32-bit numbers: about 8 bytes a follow.
"""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from loadtest.degrees import FITTED, DegreeLaw
from murmuration_client.cli.graphfile import GraphFileError, read_graph

MAX_FOLLOWING = 5_000
"""As many as one may follow, by default (relations.max_following)."""
_ACTIVITY_SIGMA = 0.8
"""Of the lognormal law by which some follow more than others; an assumption, no fit."""
_CROWD = 8
"""Whom more than one in eight follow, followers are drawn for in one pass over all instead of one by one."""


class GraphUnusable(Exception):
    """The file cannot be read as a graph; the message says where."""


class SocialGraph:
    """`handles`: by user. `pairs`: (follower, followee), each once, of users as the handles count them; they are
    numbered anew, by followers, and of as many by their place in `handles`."""

    def __init__(self, handles: Sequence[str], pairs: Iterable[tuple[int, int]]) -> None:
        followers, followees = array("I"), array("I")
        for follower, followee in pairs:
            followers.append(follower)
            followees.append(followee)
        counts = [0] * len(handles)
        for followee in followees:
            counts[followee] += 1
        order = sorted(range(len(handles)), key=lambda user: -counts[user])
        place = array("I", bytes(4 * len(handles)))
        for new, old in enumerate(order):
            place[old] = new
        self.handles = [handles[old] for old in order]
        self._following = _Lists(len(handles), place, followers, followees)
        self._followers = _Lists(len(handles), place, followees, followers)

    @property
    def users(self) -> range:
        return range(len(self.handles))

    @property
    def follow_count(self) -> int:
        return len(self._following.values)

    @property
    def followed_users(self) -> range:
        """Those whom anybody follows."""
        return range(sum(1 for user in self.users if len(self.followers(user))))

    def followers(self, user: int) -> Sequence[int]:
        return self._followers.of(user)

    def following(self, user: int) -> Sequence[int]:
        return self._following.of(user)

    def follows(self) -> Iterator[tuple[int, int]]:
        """(follower, followee), follower by follower."""
        for user in self.users:
            for followee in self.following(user):
                yield user, followee

    def named_users(self) -> Iterator[tuple[str, str]]:
        """(handle, display name), as an import takes them."""
        return ((handle, "") for handle in self.handles)

    def named_follows(self) -> Iterator[tuple[str, str]]:
        """(follower's handle, followee's handle), as an import takes them."""
        return ((self.handles[follower], self.handles[followee]) for follower, followee in self.follows())


class _Lists:
    """For each user the others, one after another in one array."""

    def __init__(self, users: int, place: Sequence[int], owners: Sequence[int], others: Sequence[int]) -> None:
        counts = [0] * users
        for owner in owners:
            counts[place[owner]] += 1
        self._starts = array("I", [0, *accumulate(counts)])
        self.values = array("I", bytes(4 * len(owners)))
        free = list(self._starts)
        for owner, other in zip(owners, others, strict=True):
            mine = place[owner]
            self.values[free[mine]] = place[other]
            free[mine] += 1

    def of(self, user: int) -> Sequence[int]:
        return memoryview(self.values)[self._starts[user] : self._starts[user + 1]]


def read(path: Path, *, prefix: str = "u", both_ways: bool = False) -> SocialGraph:
    """Lines of `follower<TAB>followee`, plain or gzip; user 17's handle is u17. Raises GraphUnusable."""
    try:
        graph = read_graph(path, prefix=prefix, both_ways=both_ways)
    except GraphFileError as error:
        raise GraphUnusable(str(error)) from None
    handles = [handle for handle, _ in graph.users()]
    if not handles:
        raise GraphUnusable(f"{path} has no line.")
    number = {handle: place for place, handle in enumerate(handles)}
    return SocialGraph(handles, ((number[one], number[other]) for one, other in graph.follows()))


def synthetic(users: int, mean_followers: float, seed: int, law: DegreeLaw = FITTED) -> SocialGraph:
    """A graph of so many users (at least 2) by the law, scaled to a mean. The same arguments make the same graph.

    A user has at most as many followers as there are others, and follows at most MAX_FOLLOWING, so the mean of a small
    graph is a little lower than what was asked for.
    """
    if users < 2 or mean_followers <= 0:
        raise ValueError("a graph needs at least 2 users and a mean above 0")
    rng = random.Random(f"graph {users} {mean_followers} {seed}")
    activity = [rng.lognormvariate(0, _ACTIVITY_SIGMA) for _ in range(users)]
    scale = mean_followers / law.mean
    return SocialGraph([f"s{number}" for number in range(users)], _pairs(rng, activity, scale, law))


def _pairs(rng: random.Random, activity: list[float], scale: float, law: DegreeLaw) -> Iterator[tuple[int, int]]:
    users, cumulated, followed = len(activity), list(accumulate(activity)), [0] * len(activity)
    for followee in range(users):
        wanted = min(users - 1, round(law.draw(rng) * scale))
        for follower in _draw(rng, wanted, activity, cumulated, followee):
            if followed[follower] < MAX_FOLLOWING:
                followed[follower] += 1
                yield follower, followee


def _draw(rng: random.Random, wanted: int, activity: list[float], cumulated: list[float], but: int) -> Iterable[int]:
    """So many users by their activity, each once, without one."""
    users = range(len(activity))
    if wanted * _CROWD > len(activity):  # the greatest of u ** (1 / weight): Efraimidis and Spirakis, 2006
        keys = {user: rng.random() ** (1 / activity[user]) for user in users if user != but}
        return sorted(sorted(keys, key=keys.__getitem__)[len(keys) - wanted :])
    drawn: dict[int, None] = {}
    while len(drawn) < wanted:
        for user in rng.choices(users, cum_weights=cumulated, k=wanted - len(drawn)):
            if user != but:
                drawn[user] = None
    return drawn
