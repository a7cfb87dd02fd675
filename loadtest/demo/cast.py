"""Who plays in the demo: the users of a real graph, under names of people."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest.degrees import FAMOUS
from loadtest.graphs import GraphUnusable, read
from loadtest.texts import FIRST_NAMES, LAST_NAMES
from murmuration_client.cli.graphfile import MAX_HANDLE

QUICK_FOLLOWERS = 2_000

CELEBRITY = ("stella_live", "Stella Marlowe")
READER = ("reads_it_all", "Robin Reader")
NEWCOMER = ("new_in_town", "Noor Newcomer")


class GraphMissing(Exception):
    """There is no graph to load; the message says what to do."""


@dataclass(frozen=True)
class Cast:
    """Handles, and who follows whom: (follower, followee). `authors`: everybody who is followed, the most followed
    first. `followers`: everybody else."""

    names: dict[str, str]
    authors: list[str]
    followers: list[str]
    follows: list[tuple[str, str]]


def find_graph(given: Path | None) -> Path:
    """The file to load. Raises GraphMissing."""
    path = given or FAMOUS
    if not path.is_file():
        raise GraphMissing(f"There is no file {path}.")
    return path


def read_cast(path: Path, rng: random.Random, *, quick: bool) -> Cast:
    """The graph's users under names of people. `quick`: only its first followers. Raises GraphMissing."""
    try:
        graph = read(path)
    except GraphUnusable as error:
        raise GraphMissing(str(error)) from None
    authors = [graph.handles[user] for user in graph.followed_users]
    followers = graph.handles[len(authors) :]
    if quick:
        followers = followers[:QUICK_FOLLOWERS]
    named = _author_names(authors, rng) | {follower: _follower_name(follower, rng) for follower in followers}
    follows = [
        (named[follower][0], named[followee][0]) for follower, followee in graph.named_follows() if follower in named
    ]  # of a quick run, those of the followers it has
    return Cast(
        names=dict(named.values()),
        authors=[named[author][0] for author in authors],
        followers=[named[follower][0] for follower in followers],
        follows=follows,
    )


def with_synthetic(cast: Cast) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(users, follows) to load: the cast, one celebrity whom all follow, one reader who follows all authors."""
    users = [*cast.names.items(), CELEBRITY, READER, NEWCOMER]
    # Follower by follower: so the celebrity's followers grow evenly, and say how far the loading has come.
    follows: dict[str, list[tuple[str, str]]] = {follower: [] for follower in [*cast.followers, READER[0]]}
    for follower, followee in [*cast.follows, *((READER[0], author) for author in cast.authors)]:
        follows.setdefault(follower, []).append((follower, followee))
    for follower in [*cast.followers, READER[0]]:
        follows[follower].append((follower, CELEBRITY[0]))
    return users, [follow for theirs in follows.values() for follow in theirs]


def _author_names(authors: Sequence[str], rng: random.Random) -> dict[str, tuple[str, str]]:
    possible = [(first, last) for first in FIRST_NAMES for last in LAST_NAMES]
    if not 0 < len(authors) <= len(possible):
        raise GraphMissing(f"The graph has {len(authors)} followed users; the demo takes 1 to {len(possible)}.")
    pairs = rng.sample(possible, len(authors))
    return {
        author: (f"{first}_{last}".lower()[:MAX_HANDLE], f"{first} {last}")
        for author, (first, last) in zip(authors, pairs, strict=True)
    }


def _follower_name(follower: str, rng: random.Random) -> tuple[str, str]:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    number = follower[1:]
    return f"{first.lower()[: MAX_HANDLE - len(number)]}{number}", f"{first} {last}"
