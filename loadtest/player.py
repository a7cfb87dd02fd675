"""One person who plays sessions: what each action calls, and what must be true of the next read."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TypeVar

from loadtest.calls import GENERATOR, Record, Timing, recorded
from loadtest.checks import (
    DELETED_FETCHED,
    DELETED_READ,
    OWN_MISSING,
    Wrong,
    check_items,
    check_unfollowed,
)
from loadtest.crowd import Crowd
from loadtest.watching import Posted, Watches
from loadtest.workload import Action, Step, Stream
from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import Client, NotFound

PAGE_SIZE = 20
WHOLE_PAGE = 100
MOST_PAGES = 8  # as many as a home has
NOBODY_SECONDS = 0.1
"""Pause when every reader that was drawn is playing already."""
LATE_ROW = "step begun late by"

_Page = timeline_pb2.ListHomeTimelineResponse
_Answer = TypeVar("_Answer")


@dataclass
class _Reading:
    """What the session's reader has seen: the newest id, and the authors of his last page."""

    newest: int = 0
    authors: Sequence[int] = field(default_factory=tuple)


class Player:
    """Steps begin when they are meant to: a slow answer delays the next ones' calls, not their intended beginning, from
    which their time counts."""

    def __init__(
        self, crowd: Crowd, stream: Stream, record: Record, watches: Watches, timing: Timing, walk_pages: int
    ) -> None:
        self._crowd, self._stream, self._record, self._watches, self._timing = crowd, stream, record, watches, timing
        self._walk_pages = walk_pages
        self._rng = random.Random(stream.rng.random())
        """Apart from the stream's: what is drawn from this one depends on answers."""
        self._intended = timing.now()
        self._reader = 0
        self._reading = _Reading()
        self._does: dict[Action, Callable[[Step, Client], None]] = {
            Action.HOME: self._home,
            Action.REFRESH: self._refresh,
            Action.WALK: self._walk,
            Action.POST: self._post,
            Action.REPLY: self._reply,
            Action.REPOST: self._repost,
            Action.DELETE: self._delete,
            Action.FOLLOW: self._follow,
            Action.UNFOLLOW: self._unfollow,
        }

    def play_session(self) -> None:
        self._reading = _Reading()
        with self._crowd.session(self._stream) as session:
            if session is None:
                self._timing.sleep(NOBODY_SECONDS)
                return
            self._reader = session.reader
            for step in session.steps:
                self._intended += step.think_seconds
                self._timing.sleep(max(0.0, self._intended - self._timing.now()))
                self._record(GENERATOR, LATE_ROW, max(0.0, self._timing.now() - self._intended))
                self._do(step)

    def _do(self, step: Step) -> None:
        if self._known(step.actor):
            self._does[step.action](step, self._crowd.acting_as(step.actor))

    def _known(self, user: int) -> bool:
        """Learns a user's id, if need be. Not a part of the step: who uses an app is signed in."""
        return self._crowd.knows(user) or self._call("get user", lambda: self._crowd.id_of(user)) is not None

    def _home(self, step: Step, actor: Client) -> None:  # noqa: ARG002
        self._see(self._timed("home", lambda: read_page(actor)))

    def _refresh(self, step: Step, actor: Client) -> None:  # noqa: ARG002
        since = self._reading.newest
        self._see(self._timed("home, refreshed", lambda: read_page(actor, since=since)))

    def _walk(self, step: Step, actor: Client) -> None:  # noqa: ARG002
        page, last = self._timed("home", lambda: read_page(actor)), 0
        self._see(page)
        for _ in range(1, self._walk_pages):
            if page is None or not page.next_page_token:
                return
            last = page.items[-1].tweet.tweet_id if page.items else last
            page = self._next(actor, page.next_page_token, last)

    def _next(self, actor: Client, token: str, last: int) -> _Page | None:
        return self._call("home, next page", lambda: read_page(actor, token=token, after=last))

    def _post(self, step: Step, actor: Client) -> None:
        called = max(self._intended, self._timing.now())
        tweet = self._timed("post", lambda: actor.create_tweet(step.text))
        if tweet is None:
            return
        acked = self._timing.now()
        in_call_ms = ceil((acked - called) * 1000) + 1
        self._watches.begin(Posted(tweet, step.actor, acked, tweet.create_time_ms + in_call_ms), self._rng)
        self._call("home, after own post", lambda: _find(actor, tweet.tweet_id, wanted=True))

    def _reply(self, step: Step, actor: Client) -> None:
        about = self._somebodys_post(step.actor)
        self._timed("reply", lambda: _unless_gone(lambda: actor.create_tweet(step.text, in_reply_to=about)))

    def _repost(self, step: Step, actor: Client) -> None:
        about = self._somebodys_post(step.actor)
        if about:
            self._timed("repost", lambda: _unless_gone(lambda: actor.create_repost(about)))

    def _delete(self, step: Step, actor: Client) -> None:
        tweet = self._timed("post", lambda: actor.create_tweet(step.text))
        if tweet is not None and self._call("delete", lambda: _done(lambda: actor.delete_tweet(tweet.tweet_id))):
            self._call("home, after a deletion", lambda: _find(actor, tweet.tweet_id, wanted=False))
            self._call("get tweet, deleted", lambda: _fetch_deleted(actor, tweet.tweet_id))

    def _follow(self, step: Step, actor: Client) -> None:
        if self._known(step.other):
            self._timed("follow", lambda: actor.follow(self._crowd.id_of(step.other)))

    def _unfollow(self, step: Step, actor: Client) -> None:
        """Of the author of something that the reader has on his screen, so that there is something to go away."""
        began = self._intended
        if not self._reading.authors:
            self._home(step, actor)
            began = self._timing.now()
        if not self._reading.authors:
            return
        author = self._rng.choice(self._reading.authors)
        self._crowd.leaves(step.actor, author)
        if self._call("unfollow", lambda: actor.unfollow(author), since=began) is not None:
            self._see(self._call("home, after an unfollow", lambda: _without(actor, author)))

    def _see(self, page: _Page | None) -> None:
        if page is None or not page.items:
            return
        newest = page.items[0].tweet
        self._reading.newest = max(self._reading.newest, newest.tweet_id)
        own = self._crowd.id_of(self._reader)
        self._reading.authors = sorted({item.tweet.author_id for item in page.items} - {own})
        if newest.kind != tweet_pb2.TWEET_KIND_REPOST:
            self._crowd.lately.append((newest.tweet_id, newest.author_id))

    def _somebodys_post(self, actor: int) -> int:
        """Its id, or 0: none was seen."""
        mine = self._crowd.id_of(actor)
        others = [post for post, author in self._crowd.lately if author != mine]
        return self._rng.choice(others) if others else 0

    def _timed(self, row: str, call: Callable[[], _Answer]) -> _Answer | None:
        """The first call of a step: from its intended beginning."""
        return self._call(row, call, since=self._intended)

    def _call(self, row: str, call: Callable[[], _Answer], since: float | None = None) -> _Answer | None:
        return recorded(self._record, self._timing, row, call, since=since)


def read_page(actor: Client, *, size: int = PAGE_SIZE, token: str = "", since: int = 0, after: int = 0) -> _Page:
    """One page, looked at. Raises Wrong, MurmurationError."""
    page = actor.home_page(size, token, since)
    check_items(page.items, since=since, after=after)
    return page


def _pages_since(actor: Client, since: int) -> Iterator[_Page]:
    token, last = "", 0
    for _ in range(MOST_PAGES):
        page = read_page(actor, size=WHOLE_PAGE, token=token, since=since, after=last)
        yield page
        token, last = page.next_page_token, page.items[-1].tweet.tweet_id if page.items else last
        if not token:
            return


def _find(actor: Client, tweet_id: int, *, wanted: bool) -> bool:
    """Reads from the newest down to a post of the actor's own. Raises Wrong if it is not as wanted."""
    found = any(item.tweet.tweet_id == tweet_id for page in _pages_since(actor, tweet_id - 1) for item in page.items)
    if found != wanted:
        raise Wrong(OWN_MISSING if wanted else DELETED_READ)
    return True


def _fetch_deleted(actor: Client, tweet_id: int) -> bool:
    try:
        actor.get_tweet(tweet_id)
    except NotFound:
        return True
    raise Wrong(DELETED_FETCHED)


def _without(actor: Client, author_id: int) -> _Page:
    page = read_page(actor, size=WHOLE_PAGE)
    check_unfollowed(page.items, author_id)
    return page


def _unless_gone(call: Callable[[], object]) -> bool:
    """What was seen lately may be deleted by now, and cannot be answered then."""
    try:
        call()
    except NotFound:
        return False
    return True


def _done(call: Callable[[], None]) -> bool:
    call()
    return True
