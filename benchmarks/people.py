"""Who follows whom, who reads and who posts: graphs, laws of choice and texts, from a seed."""

from __future__ import annotations

import itertools
import random
import sqlite3
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.load import Request
from loadtest.texts import Texts
from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import Client

HOME = "/murmuration.v1.TimelineService/ListHomeTimeline"
POST = "/murmuration.v1.TweetService/CreateTweet"
ZIPF_EXPONENT = 1.0
"""Choices of readers and followees: the one in place k with a share in proportion to 1 / k."""


def handles(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def import_users(client: Client, names: Iterable[str]) -> None:
    client.admin.import_graph(((name, name.title()) for name in names), [])


def ids_of(client: Client, names: Iterable[str]) -> list[int]:
    """User ids, looked up one by one."""
    return [client.get_user(name).user_id for name in names]


def all_ids(data: Path) -> list[int]:
    """Every account's id in the order of creation, from the users' file: the API finds accounts one by one."""
    with closing(sqlite3.connect(f"file:{data / 'users.sqlite'}?mode=ro", uri=True)) as file:
        return [row[0] for row in file.execute("SELECT user_id FROM users ORDER BY user_id")]


def follows_among(rng: random.Random, names: Sequence[str], each: int) -> Iterator[tuple[str, str]]:
    """(follower, followee): everybody follows `each` others. One in two followees is chosen by Zipf's law, the others
    evenly, so that a few have very many followers and nobody has none."""
    weights = _zipf_weights(len(names))
    for follower in names:
        chosen: set[str] = set()
        while len(chosen) < each:
            wanted = each - len(chosen)
            chosen.update(
                rng.choices(names, cum_weights=weights, k=wanted // 2), rng.choices(names, k=wanted - wanted // 2)
            )
            chosen.discard(follower)
        yield from ((follower, followee) for followee in sorted(chosen))


def zipf(rng: random.Random, population: Sequence[int], count: int) -> list[int]:
    """`count` choices by Zipf's law."""
    return rng.choices(population, cum_weights=_zipf_weights(len(population)), k=count)


def _zipf_weights(count: int) -> list[float]:
    """Cumulative, for random.choices: given others, it would add them up at each call."""
    return list(itertools.accumulate(1.0 / place**ZIPF_EXPONENT for place in range(1, count + 1)))


def home_requests(readers: Iterable[int], page_token: str = "") -> list[Request]:
    """Reads of a first page of 20, or of the page behind a token."""
    payload = timeline_pb2.ListHomeTimelineRequest(page_token=page_token).SerializeToString()
    return [Request(HOME, reader, payload) for reader in readers]


def post_requests(rng: random.Random, authors: Iterable[int], names: Sequence[str] = ()) -> list[Request]:
    """A post by each author in turn, each with a text and a request_id of its own, as the client sends them. `names`:
    whom texts may mention."""
    texts = Texts(rng, names)
    return [Request(POST, author, _post(texts.post(), rng)) for author in authors]


def _post(text: str, rng: random.Random) -> bytes:
    request_id = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    return tweet_pb2.CreateTweetRequest(text=text, request_id=request_id).SerializeToString()


def converse(client: Client, rng: random.Random, people: Sequence[int], count: int) -> None:
    """The newest posts of a home are of all kinds: `count` calls, of ten one a repost, two replies, the rest posts."""
    texts, tweets = Texts(rng), list[int]()
    for _ in range(count):
        actor, kind = client.acting_as(rng.choice(people)), rng.random()
        if tweets and kind < 0.1:
            actor.create_repost(rng.choice(tweets))
        elif tweets and kind < 0.3:
            tweets.append(actor.create_tweet(texts.reply(), in_reply_to=rng.choice(tweets)).tweet_id)
        else:
            tweets.append(actor.create_tweet(texts.post()).tweet_id)
