"""What the stages share: the system, a client, the people, and the reference that hears of every acked call."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from loadtest.demo.cast import Cast
from loadtest.demo.reference import Reference
from loadtest.demo.system import DemoSystem
from loadtest.texts import Texts
from loadtest.workload import Zipf
from murmuration.v1 import timeline_pb2
from murmuration_client import Client

# murmuration.v1.DeliveryMode
PUSH: Any = 1
PULL: Any = 2
READY = timeline_pb2.TimelineState.STATUS_READY

THREADS = 6
PAGE_SIZE = 100
POLL_SECONDS = 0.02
SEEN_POLL_SECONDS = 0.01  # polling takes the cores that delivery needs
DELIVERY_SECONDS = 120.0
WHOLE_SECONDS = 30.0


class TooSlow(Exception):
    """Something that should have happened by now has not."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An acked post. `seconds`: how long the call took. `acked_at`: on time.monotonic."""

    post_id: int
    mode: int
    seconds: float
    acked_at: float


@dataclass
class World:
    client: Client
    system: DemoSystem
    cast: Cast
    seed: int
    quick: bool
    reference: Reference = field(default_factory=Reference)
    ids: dict[str, int] = field(default_factory=dict)  # by handle
    small_author: int = 0
    celebrity: int = 0
    celebrity_followers: int = 0
    reader: int = 0
    newcomer: int = 0
    sample: list[int] = field(default_factory=list)
    authors: Zipf[int] | None = None

    def begin(self, stage: str) -> None:
        """Each stage draws from its own source, so one that needs another try leaves the others as they are."""
        self.rng = random.Random(f"{self.seed} {stage}")
        self.texts = Texts(self.rng, self.cast.authors)

    def author(self) -> int:
        """One of the authors: some post much more than others."""
        assert self.authors is not None, "the graph is loaded first"
        return self.authors.draw(self.rng)

    def post(self, author: int, *, reply_to: int = 0, repost_of: int = 0) -> Sent:
        """Posts, and tells the reference once it is acked."""
        actor = self.client.acting_as(author)
        text = "" if repost_of else self.texts.reply() if reply_to else self.texts.post()
        began = time.monotonic()
        tweet = actor.create_repost(repost_of) if repost_of else actor.create_tweet(text, in_reply_to=reply_to)
        acked = time.monotonic()
        self.reference.posted(tweet.tweet_id, author, reply_to=reply_to, repost_of=repost_of)
        return Sent(tweet.tweet_id, tweet.delivery_mode, acked - began, acked)

    def follow(self, follower: int, followee: int) -> None:
        self.client.acting_as(follower).follow(followee)
        self.reference.followed(follower, followee)

    def unfollow(self, follower: int, followee: int) -> None:
        self.client.acting_as(follower).unfollow(followee)
        self.reference.unfollowed(follower, followee)

    def home(self, reader: int) -> list[int]:
        """Ids of the whole home, walked to its end. One that says of itself that a part is missing, as a busy system's
        may, is no home to judge by: it is read again. Raises TooSlow."""
        deadline = time.monotonic() + WHOLE_SECONDS
        while True:
            pages = list(self._pages(reader))
            if all(page.state.status == READY for page in pages):
                return [item.tweet.tweet_id for page in pages for item in page.items]
            if time.monotonic() > deadline:
                raise TooSlow(f"A home is shown only in part, again and again, for {WHOLE_SECONDS:g} s.")
            time.sleep(POLL_SECONDS)

    def _pages(self, reader: int) -> Iterator[timeline_pb2.ListHomeTimelineResponse]:
        actor, token = self.client.acting_as(reader), ""
        while True:
            page = actor.home_page(PAGE_SIZE, token)
            yield page
            token = page.next_page_token
            if not token:
                return

    def homes(self, readers: Iterable[int]) -> Iterable[tuple[int, list[int]]]:
        """(reader, his home), read by several threads, as they come in order."""
        readers = list(readers)
        pool = ThreadPoolExecutor(THREADS)
        try:
            yield from zip(readers, pool.map(self.home, readers), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)

    def sees(self, reader: int, post_id: int) -> bool:
        """Whether a post is in the reader's home now."""
        page = self.client.acting_as(reader).home_page(PAGE_SIZE, since_tweet_id=post_id - 1)
        return any(item.tweet.tweet_id == post_id for item in page.items)

    def await_delivered(self, seconds: float = DELIVERY_SECONDS, on_poll: Callable[[], None] | None = None) -> float:
        """Until nothing waits to be delivered; answers the moment. Raises TooSlow."""
        deadline = time.monotonic() + seconds
        while True:
            backlog = self.client.admin.get_backlog()
            waiting = backlog.outbox_rows + sum(lane.records for lane in backlog.lanes)
            if not waiting:
                return time.monotonic()
            if time.monotonic() > deadline:
                raise TooSlow(f"{waiting} events still wait to be delivered after {seconds:g} s.")
            if on_poll is not None:
                on_poll()
            time.sleep(POLL_SECONDS)

    def await_seen(self, readers: Sequence[int], sent: Sent, seconds: float = DELIVERY_SECONDS) -> list[float]:
        """Polls homes until the post is in each of them; answers seconds since its ack. Raises TooSlow."""
        waiting, times = list(readers), list[float]()
        while waiting:
            for reader in list(waiting):
                if self.sees(reader, sent.post_id):
                    waiting.remove(reader)
                    times.append(time.monotonic() - sent.acked_at)
            time.sleep(SEEN_POLL_SECONDS)
            if waiting and time.monotonic() - sent.acked_at > seconds:
                raise TooSlow(f"A post is not in {len(waiting)} of {len(readers)} homes after {seconds:g} s.")
        return times
