"""What a system holds after a fault, beside what the reference model was told."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from murmuration.v1 import timeline_pb2
from murmuration_client import Client
from tests.process.running import until
from tests.support.model import Model

READY = timeline_pb2.TimelineState.STATUS_READY
PAGE = 37
"""Of walks: small enough for several pages."""
COUNTED = 40
"""Posts whose counts are looked at, chosen by chance among those that are answered or reposted."""
REST_SECONDS = 60.0


@dataclass
class Findings:
    """`lost`: acked and not there. `doubled`: there, and never acked, or twice. `wrong`: sentences about the rest."""

    lost: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.wrong)


def posts(client: Client, model: Model, users: Sequence[int]) -> Findings:
    """What holds at once: each author's list has all that was acked, and nothing else."""
    found = Findings()
    for user in users:
        listed = Counter(tweet.tweet_id for tweet in client.iter_user_tweets(user))
        mine = {entry.id for entry in model.entries.values() if entry.author == user and model.stands(entry.id)}
        found.lost += sorted(mine - set(listed))
        found.doubled += sorted(id_ for id_, times in listed.items() if times > 1 or id_ not in mine)
    return found


def at_rest(
    settled: Callable[[], bool], client: Client, model: Model, users: Sequence[int], random: Random
) -> Findings:
    """All of it, once nothing waits, as `settled` says. Homes, which follow from the log, are given time."""
    until("nothing to wait for delivery", settled, REST_SECONDS)
    found = posts(client, model, users)
    found.wrong += [line for user in users for line in _relations(client, model, users, user)]
    found.wrong += _counts(client, model, random)
    deadline = time.monotonic() + REST_SECONDS
    late = [line for user in users for line in _home(client, model, user)]
    while late and time.monotonic() < deadline:
        late = [line for user in users for line in _home(client, model, user)]
    found.wrong += late
    return found


def walked(client: Client, reader: int, size: int = PAGE) -> tuple[list[int], bool]:
    """The ids of a walk by cursor, and whether each page called itself ready."""
    ids: list[int] = []
    token, ready = "", True
    while True:
        page = client.acting_as(reader).home_page(size, token)
        ids += [item.tweet.tweet_id for item in page.items]
        ready = ready and page.state.status == READY
        token = page.next_page_token
        if not token:
            return ids, ready


def _home(client: Client, model: Model, user: int) -> list[str]:
    shown, ready = walked(client, user)
    expected = model.home(user, int(time.time() * 1000))
    if ready and shown == expected:
        return []
    missing, extra = sorted(set(expected) - set(shown)), sorted(set(shown) - set(expected))
    return [f"home of {user}: ready {ready}, missing {missing[:5]}, extra {extra[:5]}, {len(shown)} of {len(expected)}"]


def _relations(client: Client, model: Model, users: Sequence[int], user: int) -> list[str]:
    wrong = []
    for found in client.acting_as(user).relationships([other for other in users if other != user]):
        pair, back = (user, found.user_id), (found.user_id, user)
        stored = (found.following, found.followed_by, found.blocking, found.blocked_by, found.muting)
        told = (pair in model.follows, back in model.follows, pair in model.blocks, back in model.blocks)
        if stored != (*told, pair in model.mutes):
            wrong.append(f"{user} to {found.user_id}: {stored}, must be {(*told, pair in model.mutes)}")
    counts = client.follow_counts(user)
    if (counts.followers, counts.following) != model.follow_counts(user):
        wrong.append(f"counts of {user}: {counts}, must be {model.follow_counts(user)}")
    return wrong


def _counts(client: Client, model: Model, random: Random) -> list[str]:
    about = sorted({entry.about for entry in model.entries.values() if entry.about and model.stands(entry.about)})
    wrong = []
    for id_ in random.sample(about, min(COUNTED, len(about))):
        counts = client.get_tweet(id_).counts
        if (counts.replies, counts.reposts) != model.counts(id_):
            wrong.append(f"counts of {id_}: {counts}, must be {model.counts(id_)}")
    return wrong
