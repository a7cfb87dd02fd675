"""Which originals a reader has reposted: his recent posts know of those they reach down to, the store of the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from murmuration.internal.v1 import tweet_pb2
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.none import NoCache
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.ids import floor_id
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.server import Dispatcher
from murmuration_server.tweets.client import Candidate, Mode, Recent, TweetClient, TweetKind, make_flags
from murmuration_server.tweets.internal import TweetReadService
from tests.support.contract_clock import SetClock

HORIZON_MS = 1000
READER, AUTHOR = 1, 2
REPOST = make_flags(TweetKind.REPOST, Mode.PUSH)


class Asked:
    """A store that has every original reposted, and says which ones it was asked about."""

    def __init__(self) -> None:
        self.ids: list[int] = []

    def repost_of(self, call: Call, user_id: int, tweet_ids: Sequence[int]) -> dict[int, int]:
        self.ids += tweet_ids
        return {tweet_id: tweet_id + 1 for tweet_id in tweet_ids}


def reposted(own: Recent, *tweet_ids: int) -> tuple[frozenset[int], list[int]]:
    """What is answered, and which ids the store was asked about."""
    runtime, metrics, store = SetClock(), Metrics(), Asked()
    dispatcher = Dispatcher(runtime, metrics, ServerSettings())
    as_store: Any = store
    dispatcher.bind(tweet_pb2.DESCRIPTOR.services_by_name["TweetReadService"], TweetReadService(as_store))
    cache = Cache(NoCache(), runtime, metrics)
    client = TweetClient(InProcessChannel(dispatcher), cache, recent_size=3, horizon_ms=HORIZON_MS)
    found = client.reposted(Call.background(runtime, 10), READER, own, tweet_ids)
    return found & set(tweet_ids), store.ids


def repost(tweet_id: int, original: int) -> Candidate:
    return Candidate(tweet_id, READER, original, AUTHOR, REPOST)


def recent_id(above: int) -> int:
    """An id inside the horizon."""
    return floor_id(SetClock().now_ms()) + above


def test_his_recent_posts_know_all_down_to_the_horizon() -> None:
    one, other, mine = recent_id(1), recent_id(2), recent_id(3)
    own = Recent((repost(mine, one),), exhausted=True)
    assert reposted(own, one, other) == ({one}, [])


def test_below_his_recent_posts_the_store_is_asked() -> None:
    old, new, mine = recent_id(1), recent_id(5), recent_id(3)
    own = Recent((repost(recent_id(9), new), repost(mine, recent_id(2))), exhausted=False)
    assert reposted(own, old, new) == ({old, new}, [old])


def test_of_originals_older_than_the_horizon_the_store_is_asked() -> None:
    ancient = floor_id(SetClock().now_ms() - HORIZON_MS) - 1
    assert reposted(Recent((), exhausted=True), ancient) == ({ancient}, [ancient])


def test_where_nothing_recent_is_known_the_store_is_asked() -> None:
    assert reposted(Recent((), exhausted=False), recent_id(1)) == ({recent_id(1)}, [recent_id(1)])
