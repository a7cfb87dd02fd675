"""A clock that is set back 10 minutes or forward a day, under running processes and between two starts: ids stay unique
and above their parents', nothing acked is lost, homes come right, and writes go on at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from murmuration.v1 import tweet_pb2
from murmuration_client import Client, Unavailable
from tests.faults import checks
from tests.faults.clocks import Clock
from tests.process.running import Server, settled, until
from tests.support.model import Entry, Kind, Model

MINUTE_MS, DAY_MS = 60_000, 86_400_000
BACK, FORWARD = -10 * MINUTE_MS, DAY_MS
SETTINGS = {"outbox.bucket_ms": 1000, "outbox.resweep_ms": 600, "outbox.margin_ms": 200}
"""Buckets close within seconds, so a clock that is set back meets some that are closed."""
POSTS = 15


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(tmp_path / "clock")
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


class Town:
    """An author who posts, some of it answers to himself, his follower, an author of PULL posts, and the model."""

    def __init__(self, client: Client) -> None:
        self.client, self.model = client, Model()
        self.author, self.large, self.reader = (
            client.create_user(name).user_id for name in ("author", "large", "reader")
        )
        self.users = [self.author, self.large, self.reader]
        client.admin.set_author_mode(self.large, tweet_pb2.DELIVERY_MODE_PULL)
        for followed in (self.author, self.large):
            client.acting_as(self.reader).follow(followed)
            self.model.follow(self.reader, followed)
        self.refused = 0

    def write(self, client: Client) -> None:
        for number in range(POSTS):
            author = client.acting_as(self.large if number % 3 == 0 else self.author)
            tweet = author.create_tweet(f"post {number}")
            assert tweet.tweet_id not in self.model.entries, "an id that was taken before"
            self.model.add(Entry(tweet.tweet_id, tweet.author_id, tweet.create_time_ms))
            if number % 5 == 0:
                self._answer(author, tweet.tweet_id)
        self._answer(client.acting_as(self.author), max(self.model.entries))
        # Relations go on as well, and a follow of now counts more than an unfollow of a time that is still to come.
        client.acting_as(self.large).unfollow(self.author)
        client.acting_as(self.large).follow(self.author)
        self.model.follow(self.large, self.author)

    def _answer(self, author: Client, about: int) -> None:
        """Of one whose time is more than a minute ahead it is refused: there is no id above it yet."""
        try:
            reply = author.create_tweet("an answer", in_reply_to=about)
        except Unavailable as error:
            if "clock" not in error.message:
                raise
            self.refused += 1
            return
        assert reply.tweet_id > about
        assert reply.tweet_id not in self.model.entries
        self.model.add(Entry(reply.tweet_id, reply.author_id, reply.create_time_ms, Kind.REPLY, about))

    def check(self, server: Server, client: Client) -> None:
        found = checks.at_rest(lambda: settled(server, client), client, self.model, self.users, Random(1))
        assert not found, found


@pytest.fixture
def begin(tmp_path: Path) -> Callable[[], Server]:
    return lambda: Server(tmp_path / "data", SETTINGS)


def test_a_clock_that_is_set_under_running_processes(clock: Clock, begin: Callable[[], Server]) -> None:
    with begin() as server, server.client() as client:
        town = Town(client)
        town.write(client)
        _settle_buckets(server, town, client)
        for wrong in (FORWARD, BACK, 0):
            clock.set(wrong)
            town.write(client)
            _settle_buckets(server, town, client)
    assert town.refused == 2, "answers to posts of a time that is to come: after each setting back"


def test_a_clock_that_is_set_between_two_starts(clock: Clock, begin: Callable[[], Server]) -> None:
    with begin() as server, server.client() as client:
        town = Town(client)
        town.write(client)
        _settle_buckets(server, town, client)
    for wrong in (FORWARD, BACK):
        clock.set(wrong)
        with begin() as server, server.client() as client:
            town.write(client)
            _settle_buckets(server, town, client)


def _settle_buckets(server: Server, town: Town, client: Client) -> None:
    """All is right, and the bucket of the last posts, as far as its time has come, is closed and dropped."""
    town.check(server, client)
    until("a bucket's last sweep", lambda: not _due(server))


def _due(server: Server) -> list[int]:
    """Buckets that the system's own clock calls past and that are still there."""
    wrong = int(Path(os.environ["FAULTS_CLOCK"]).read_text())
    now = time.time_ns() // 1_000_000 + wrong
    last = (now - SETTINGS["outbox.resweep_ms"]) // SETTINGS["outbox.bucket_ms"] - 1
    return server.column("tweets", "SELECT DISTINCT bucket FROM outbox WHERE bucket <= ?", last)
