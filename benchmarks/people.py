"""Accounts and calls of the workload model (loadtest/workload.py), as requests that the generator makes."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence

from benchmarks.load import Request
from benchmarks.system import Measured
from loadtest.graphs import SocialGraph
from loadtest.texts import Texts
from loadtest.workload import MIXES, WRITES, Stream, Workload
from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import Client

HOME = "/murmuration.v1.TimelineService/ListHomeTimeline"
POST = "/murmuration.v1.TweetService/CreateTweet"
SEED = 1
REPLIES, REPOSTS = 0.2, 0.1


class People:
    """The accounts of a graph in a system, and what they do by the everyday mix. `ids`: user ids by number in the
    graph."""

    def __init__(self, graph: SocialGraph, ids: Sequence[int]) -> None:
        self.graph, self.ids = graph, ids
        self._number = {user_id: number for number, user_id in enumerate(ids)}
        self._stream: Stream = Workload(graph, MIXES["everyday"], SEED).stream(0)

    def readers(self, count: int) -> list[int]:
        return [self.ids[self._stream.reader()] for _ in range(count)]

    def followers_of(self, user_id: int) -> list[int]:
        return [self.ids[number] for number in self.graph.followers(self._number[user_id])]

    def posts(self, count: int) -> list[Request]:
        """Each by an author of the model's choice, with a text and a request_id of its own."""
        stream = self._stream
        return [post(self.ids[stream.author()], stream.post_text()) for _ in range(count)]

    def mixed(self, count: int) -> list[Request]:
        """Reads of first pages and posts, as many of each as the mix has reads and writes."""
        stream = self._stream
        writes = [stream.action() in WRITES for _ in range(count)]
        posts, reads = iter(self.posts(sum(writes))), iter(home_requests(self.readers(count - sum(writes))))
        return [next(posts) if write else next(reads) for write in writes]


def settle(system: Measured, graph: SocialGraph) -> People:
    """Imports a graph, and waits until nothing is left to do of it."""
    system.client.admin.import_graph(graph.named_users(), graph.named_follows())
    system.await_delivered()
    return People(graph, system.ids_of(graph.handles))


def handles(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def import_users(client: Client, names: Iterable[str]) -> None:
    client.admin.import_graph(((name, name.title()) for name in names), [])


def ids_of(client: Client, names: Iterable[str]) -> list[int]:
    """User ids, looked up one by one."""
    return [client.get_user(name).user_id for name in names]


def home_requests(readers: Iterable[int], page_token: str = "") -> list[Request]:
    """Reads of a first page of 20, or of the page behind a token."""
    payload = timeline_pb2.ListHomeTimelineRequest(page_token=page_token).SerializeToString()
    return [Request(HOME, reader, payload) for reader in readers]


def post_requests(rng: random.Random, authors: Iterable[int]) -> list[Request]:
    """A post by each author in turn."""
    texts = Texts(rng)
    return [post(author, texts.post()) for author in authors]


def post(author: int, text: str) -> Request:
    """With a request_id, as the client library sends one."""
    # Not of the seeded source: another measurement on the same servers would draw the same for other texts.
    request_id = str(uuid.uuid4())
    return Request(POST, author, tweet_pb2.CreateTweetRequest(text=text, request_id=request_id).SerializeToString())


def converse(client: Client, rng: random.Random, people: Sequence[int], count: int) -> None:
    """Makes `count` calls after which the newest posts of homes are of all kinds: posts, REPLIES and REPOSTS."""
    texts, tweets = Texts(rng), list[int]()
    for _ in range(count):
        actor, kind = client.acting_as(rng.choice(people)), rng.random()
        if tweets and kind < REPOSTS:
            actor.create_repost(rng.choice(tweets))
        elif tweets and kind < REPOSTS + REPLIES:
            tweets.append(actor.create_tweet(texts.reply(), in_reply_to=rng.choice(tweets)).tweet_id)
        else:
            tweets.append(actor.create_tweet(texts.post()).tweet_id)
