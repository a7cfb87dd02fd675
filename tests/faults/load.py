"""People who post, answer, repost, delete, follow, block, mute and read all at once, and tell the reference model what
was answered, and nothing else.

A call whose answer was lost is made again, with the same request_id, until there is an answer. Each person is played by
one thread, and blocks only people of that thread: so what is answered to two threads at once may be told in any order.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import Client, MurmurationError, NotAllowed, NotFound
from tests.support.model import Entry, Kind, Model

T = TypeVar("T")

KINDS = {
    tweet_pb2.TWEET_KIND_POST: Kind.POST,
    tweet_pb2.TWEET_KIND_REPLY: Kind.REPLY,
    tweet_pb2.TWEET_KIND_REPOST: Kind.REPOST,
}
PATIENCE_SECONDS = 60.0
"""For one call with all its repetitions, unless a fault lasts longer; a restart takes a second or two."""
PAUSE_SECONDS = 0.02
MOST_THINKING_SECONDS = 0.05
CLOCK_IS_BEHIND = "this machine's clock is behind"
RECENT = 60
"""What is answered and reposted is among the newest so many."""
PAGE = 20


class ClockIsBehind(Exception):
    """No id above that of a post of a time to come: refused until the clock has come so far, and nothing was done."""


DEFINITE = (NotFound, NotAllowed, ClockIsBehind)


@dataclass
class Tally:
    """`repeated`: calls that had no answer at first. `refusals`: what each failed attempt said, and when."""

    acked: int = 0
    repeated: int = 0
    refusals: list[str] = field(default_factory=list)


@dataclass
class Load:
    """`people`: for each thread the ids of those whom it plays."""

    client: Client
    model: Model
    people: Sequence[Sequence[int]]
    seed: int
    patience: float = PATIENCE_SECONDS
    tally: Tally = field(default_factory=Tally)
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _begun: int = 0

    def start(self) -> None:
        self._stop.clear()
        self._begun += 1
        for number, players in enumerate(self.people):
            player = _Player(self, Random(f"{self.seed}/{self._begun}/{number}"), players)
            self._threads.append(threading.Thread(target=player.play, daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """When each has its answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join(self.patience * 2)
            assert not thread.is_alive(), "a call that never ends"
        self._threads.clear()
        assert not self.failures, self.failures

    def certain(self, call: Callable[[], T]) -> T:
        """Its answer, however often it has to be made. Raises what a server says that will never change its mind."""
        begun, lost = time.monotonic(), False
        while True:
            try:
                answer = call()
                break
            except DEFINITE as error:
                if lost:
                    error.add_note("an earlier attempt had no answer")
                raise
            except MurmurationError as error:
                if CLOCK_IS_BEHIND in error.message:
                    refused = ClockIsBehind(error.message)
                    if lost:
                        refused.add_note("an earlier attempt had no answer")
                    raise refused from error
                if error.reason == "INTERNAL" or time.monotonic() - begun > self.patience:
                    raise
                lost = True
                self.tally.refusals.append(f"{time.strftime('%H:%M:%S')} {type(error).__name__}: {error}")
            # A pause, and not a wait for something that could be seen: the server is away.
            threading.Event().wait(PAUSE_SECONDS)
        with self._lock:
            self.tally.acked += 1
            self.tally.repeated += lost
        return answer

    def told(self, change: Callable[[Model], None]) -> None:
        with self._lock:
            change(self.model)


class _Player:
    def __init__(self, load: Load, random: Random, players: Sequence[int]) -> None:
        self._load, self._random, self._players = load, random, players
        self._everybody = [user for group in load.people for user in group]
        self._acts: list[tuple[int, Callable[[int], None]]] = [
            (40, self._post),
            (20, self._read_home),
            (12, self._reply),
            (8, self._repost),
            (2, self._undo_repost),
            (4, self._delete),
            (10, self._follow),
            (5, self._unfollow),
            (1, self._block),
            (2, self._unblock),
            (2, self._mute),
            (2, self._unmute),
        ]

    def play(self) -> None:
        weights, acts = zip(*self._acts, strict=True)
        try:
            while not self._load._stop.is_set():
                act = self._random.choices(acts, weights)[0]
                act(self._random.choice(self._players))
                self._load._stop.wait(self._random.uniform(0, MOST_THINKING_SECONDS))
        except Exception as error:
            self._load.failures.append(repr(error))

    def _read_home(self, user: int) -> None:
        """What a page must be while all goes on: others' entries come and go, his own acts and relations have been
        answered to him, and count on his next read, whatever process answers it."""
        page = self._load.certain(lambda: self._load.client.acting_as(user).home_page(PAGE))
        if page.state.status != timeline_pb2.TimelineState.STATUS_READY or not page.items:
            return
        shown = {item.tweet.tweet_id: item.tweet.author_id for item in page.items}
        lowest = min(shown) if page.next_page_token else 0
        own = self._own(user)
        with self._load._lock:
            model = self._load.model
            lacks = {id_ for id_ in own if id_ > lowest and model.entries[id_].kind is Kind.POST} - set(shown)
            extra = {id_ for id_, author in shown.items() if author == user and id_ in model.deleted}
            strangers = {id_ for id_, author in shown.items() if author != user and not model.reads(user, author)}
        if lacks or extra or strangers:
            found = f"home of {user}: lacks own {lacks}, shows deleted {extra} and others' {strangers}"
            self._load.failures.append(f"{time.strftime('%H:%M:%S')} {found}")

    def _post(self, user: int) -> None:
        self._create(user, lambda client, text, request: client.create_tweet(text, request_id=request))

    def _reply(self, user: int) -> None:
        about = self._something()
        if about:
            self._create(
                user,
                lambda client, text, request: client.create_tweet(text, in_reply_to=about, request_id=request),
                about,
            )

    def _repost(self, user: int) -> None:
        about = self._something()
        if about:
            self._create(user, lambda client, _, request: client.create_repost(about, request_id=request), about)

    def _create(self, user: int, make: Callable[[Client, str, str], tweet_pb2.Tweet], about: int = 0) -> None:
        client, request_id = self._load.client.acting_as(user), str(uuid.uuid4())
        text = f"said under {request_id}"
        try:
            tweet = self._load.certain(lambda: make(client, text, request_id))
        except DEFINITE as error:
            if not getattr(error, "__notes__", ()):
                return
            # What was answered was deleted before the repetition: whether the first attempt was in time shows the list.
            found = self._load.certain(lambda: list(client.iter_user_tweets(user)))
            stored = [one for one in found if one.text == text]
            if not stored:
                return
            tweet = stored[0]
        original = self._load.model.original(about).id if about else 0
        entry = Entry(tweet.tweet_id, user, tweet.create_time_ms, KINDS[tweet.kind], original)
        self._load.told(lambda model: model.add(entry))

    def _undo_repost(self, user: int) -> None:
        own = [id_ for id_ in self._own(user) if self._load.model.entries[id_].kind is Kind.REPOST]
        if own:
            repost = self._random.choice(own)
            about = self._load.model.entries[repost].about
            self._acts_on(lambda: self._load.client.acting_as(user).delete_repost(about), lambda m: m.delete(repost))

    def _delete(self, user: int) -> None:
        own = self._own(user)
        if own:
            tweet = self._random.choice(own)
            self._acts_on(lambda: self._load.client.acting_as(user).delete_tweet(tweet), lambda m: m.delete(tweet))

    def _follow(self, user: int) -> None:
        other, hide = self._other(user, self._everybody), self._random.random() < 0.2
        self._acts_on(
            lambda: self._load.client.acting_as(user).follow(other, hide), lambda m: m.follow(user, other, hide)
        )

    def _unfollow(self, user: int) -> None:
        other = self._other(user, self._everybody)
        self._acts_on(lambda: self._load.client.acting_as(user).unfollow(other), lambda m: m.unfollow(user, other))

    def _block(self, user: int) -> None:
        other = self._other(user, self._players)
        self._acts_on(lambda: self._load.client.acting_as(user).block(other), lambda m: m.block(user, other))

    def _unblock(self, user: int) -> None:
        other = self._other(user, self._players)
        self._acts_on(
            lambda: self._load.client.acting_as(user).unblock(other), lambda m: m.blocks.discard((user, other))
        )

    def _mute(self, user: int) -> None:
        other = self._other(user, self._everybody)
        self._acts_on(lambda: self._load.client.acting_as(user).mute(other), lambda m: m.mutes.add((user, other)))

    def _unmute(self, user: int) -> None:
        other = self._other(user, self._everybody)
        self._acts_on(lambda: self._load.client.acting_as(user).unmute(other), lambda m: m.mutes.discard((user, other)))

    def _acts_on(self, act: Callable[[], object], change: Callable[[Model], None]) -> None:
        try:
            self._load.certain(act)
        except DEFINITE:
            return
        self._load.told(change)

    def _other(self, user: int, among: Sequence[int]) -> int:
        return self._random.choice([other for other in among if other != user])

    def _something(self) -> int:
        """One of the newest entries, of anybody."""
        with self._load._lock:
            newest = sorted(self._load.model.entries)[-RECENT:]
        return self._random.choice(newest) if newest else 0

    def _own(self, user: int) -> list[int]:
        model = self._load.model
        with self._load._lock:
            return [e.id for e in model.entries.values() if e.author == user and e.id not in model.deleted]
