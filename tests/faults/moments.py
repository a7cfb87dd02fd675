"""In the middle of what a process is killed. Each begins it, and returns where the kill is to come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from murmuration.v1 import tweet_pb2
from murmuration_client import MurmurationError
from tests.faults.system import SETTINGS, Fortress
from tests.process.running import until

IMPORTED, FOLLOWS_OF_EACH = 4000, 5
"""Two messages of accounts and four of follows, each of which is stored in several writes."""
MOST_WAIT_SECONDS = 0.6
SHORT_SECONDS = 0.15
Moment = Callable[[Fortress, Random], Iterator[None]]


def _pause(seconds: float) -> None:
    """The random moment; nothing is waited for."""
    threading.Event().wait(seconds)


def during_load(fortress: Fortress, random: Random) -> Iterator[None]:
    _pause(random.uniform(0, MOST_WAIT_SECONDS))
    yield


def during_rebuilds(fortress: Fortress, random: Random) -> Iterator[None]:
    for user in fortress.users:
        fortress.load.certain(lambda user=user: fortress.client.admin.rebuild_timeline(user))  # type: ignore[misc]
    _pause(random.uniform(0, SHORT_SECONDS))
    yield


def during_a_mode_change(fortress: Fortress, random: Random) -> Iterator[None]:
    modes = (tweet_pb2.DELIVERY_MODE_PULL, tweet_pb2.DELIVERY_MODE_PUSH)
    for user in random.sample(fortress.users, len(fortress.users) // 2):
        mode = random.choice(modes)
        fortress.load.certain(lambda u=user, m=mode: fortress.client.admin.set_author_mode(u, m))  # type: ignore[misc]
    _pause(random.uniform(0, SHORT_SECONDS))
    yield


def during_backfills(fortress: Fortress, random: Random) -> Iterator[None]:
    """A newcomer follows everybody: each follow has posts written into his home."""
    reader = fortress.load.certain(
        lambda: fortress.client.create_user(f"n{time.monotonic_ns() // 1000 % 10**12}")
    ).user_id
    for other in fortress.users:
        fortress.load.certain(lambda other=other: fortress.client.acting_as(reader).follow(other))  # type: ignore[misc]
        fortress.load.told(lambda model, other=other: model.follow(reader, other))  # type: ignore[misc]
    fortress.users.append(reader)
    _pause(random.uniform(0, SHORT_SECONDS))
    yield


def during_a_last_sweep(fortress: Fortress, random: Random) -> Iterator[None]:
    """Buckets are swept for the last time when this much of a bucket's time has passed."""
    bucket, sweep = SETTINGS["outbox.bucket_ms"], SETTINGS["outbox.resweep_ms"]
    due = random.uniform(-20, 30)
    until("a last sweep", lambda: 0 <= (time.time() * 1000 - sweep - due) % bucket < 30)
    yield


def during_an_import(fortress: Fortress, random: Random) -> Iterator[None]:
    """Loaded again when the system is back, as an operator would."""
    prefix = f"i{time.monotonic_ns() // 1000 % 10**8}x"
    handles = [f"{prefix}{number}" for number in range(IMPORTED)]
    ends = [
        (handles[n], handles[(n + step) % IMPORTED]) for n in range(IMPORTED) for step in range(1, FOLLOWS_OF_EACH + 1)
    ]
    sent: list[int] = []

    def load_all() -> None:
        fortress.client.admin.import_graph(
            [(handle, "") for handle in handles], ends, progress=lambda users, follows: sent.append(users + follows)
        )

    def once() -> None:
        try:
            load_all()
        except MurmurationError:
            pass  # It is killed in the middle.

    first = threading.Thread(target=once)
    first.start()
    wanted = random.randint(1, 6)
    until("the import to be under way", lambda: len(sent) >= wanted or not first.is_alive())
    _pause(random.uniform(0, SHORT_SECONDS))
    yield
    first.join()
    fortress.load.certain(load_all)
    for handle in random.sample(handles, 20):
        user = fortress.client.get_user(handle).user_id
        counts = fortress.client.follow_counts(user)
        assert (counts.followers, counts.following) == (FOLLOWS_OF_EACH, FOLLOWS_OF_EACH), handle
    stored = fortress.server.count("users", "SELECT count(*) FROM users WHERE handle LIKE ?", f"{prefix}%")
    assert stored == IMPORTED


MOMENTS: dict[str, Moment] = {
    "load": during_load,
    "rebuilds": during_rebuilds,
    "import": during_an_import,
    "mode change": during_a_mode_change,
    "backfills": during_backfills,
    "last sweep": during_a_last_sweep,
}


@contextmanager
def moment(name: str, fortress: Fortress, random: Random) -> Iterator[None]:
    """The kill belongs into the block; what the moment has to finish comes after it."""
    steps = MOMENTS[name](fortress, random)
    next(steps)
    yield
    for _ in steps:
        raise AssertionError("a moment comes once")
