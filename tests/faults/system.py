"""A system under fire: `murmurd up`, people who use it, what is killed, and how long until it answers again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from murmuration_client import MurmurationError
from tests.faults.load import Load
from tests.process.running import Server, settled, until
from tests.support.model import Model

THREADS, PLAYERS = 4, 5
RECOVERY_SECONDS = 60.0
"""When a recovery counts as failed. How long one takes is measured, and not asserted."""
PROBE_SECONDS = 5.0
VICTIMS = ("tree", "serving", "worker", "supervisor")
SETTINGS = {"outbox.bucket_ms": 1000, "outbox.resweep_ms": 600, "outbox.margin_ms": 200, "fanout.page_size": 20}
"""Buckets are swept for the last time every second, and a delivery has several pages, so kills meet both."""
FIRST_FOLLOWS = 60


class Fortress:
    """One data folder, and the `murmurd up` that runs on it now, always on the same port. Use as a context manager."""

    def __init__(self, data: Path, seed: int) -> None:
        self.server = Server(data, SETTINGS)
        self._port = str(self.server.ready["port"])
        self.client = self.server.client()
        self.random = Random(seed)
        users = [self.client.create_user(f"u{number}").user_id for number in range(THREADS * PLAYERS)]
        self.users = users
        self.model = Model()
        people = [users[start::THREADS] for start in range(THREADS)]
        self.load = Load(self.client.with_timeout(5.0), self.model, people, seed)
        for _ in range(FIRST_FOLLOWS):
            user, other = self.random.sample(users, 2)
            self.client.acting_as(user).follow(other)
            self.model.follow(user, other)
        author, reader = (self.client.create_user(f"probe{number}").user_id for number in range(2))
        self._author, self._reader = author, reader
        self.client.acting_as(reader).follow(author)
        until("the first delivery", lambda: self._delivered(self._probe()))

    def __enter__(self) -> Fortress:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.stop()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        self.load.start()
        try:
            yield
        finally:
            self.load.stop()

    def settled(self) -> bool:
        return settled(self.server, self.client)

    def kill(self, victim: str) -> float:
        """Kills it with SIGKILL and has it begun again, by the supervisor or, if that is dead, by hand. Answers the
        seconds from the kill until a new post was acked and stored in a follower's home."""
        killed = time.monotonic()
        if victim in ("tree", "supervisor"):
            os.kill(self.server.process.pid, signal.SIGKILL)
            if victim == "tree":
                for role in self.server.pids:
                    self.server.kill(role)
            self._begin_again()
        else:
            self.server.kill(victim)
            self.server.restarted(victim)
        until("a post to be taken and delivered", lambda: self._delivered(self._probe()), RECOVERY_SECONDS)
        return time.monotonic() - killed

    def _begin_again(self) -> None:
        """What an operator's service manager does: starts it until it stays."""
        dead = self.server

        def begun() -> Server | None:
            try:
                return Server(dead.data, SETTINGS, "--port", self._port)
            except AssertionError:
                # The children of a dead supervisor answer the calls under way before they leave the folder.
                return None

        self.server = until("murmurd to start again", begun, RECOVERY_SECONDS)
        dead.reap()

    def _probe(self) -> int:
        """A post on a connection of its own, or 0: a channel that has failed waits before it tries again."""
        with self.server.client() as fresh:
            try:
                probe = fresh.with_timeout(PROBE_SECONDS).acting_as(self._author)
                return probe.create_tweet("does it answer?").tweet_id
            except MurmurationError:
                return 0

    def _delivered(self, tweet_id: int) -> bool:
        rows = "SELECT count(*) FROM home WHERE user_id = ? AND tweet_id = ?"

        def stored() -> int:
            return self.server.count("homes", rows, self._reader, tweet_id)

        return bool(tweet_id) and bool(until("the post in a follower's home", stored, RECOVERY_SECONDS))
