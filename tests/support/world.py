"""The system and the reference model side by side: what is done is done to both, and then they are compared."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import InternalError, LimitReached, NotAllowed, NotFound
from tests.support.assembly import Assembly
from tests.support.model import Entry, Kind, Model
from tests.support.walks import Walk

_KINDS = {
    tweet_pb2.TWEET_KIND_POST: Kind.POST,
    tweet_pb2.TWEET_KIND_REPLY: Kind.REPLY,
    tweet_pb2.TWEET_KIND_REPOST: Kind.REPOST,
}
READY, DEGRADED = timeline_pb2.TimelineState.STATUS_READY, timeline_pb2.TimelineState.STATUS_DEGRADED


class World:
    def __init__(self, system: Assembly) -> None:
        timeline = system.settings.timeline
        self.system = system
        self.model = Model(timeline.home_size, timeline.horizon_ms, timeline.repost_window)
        self.users: list[int] = []
        self.walks: list[Walk] = []

    # What people do. Where the model says that it must fail, it is checked that it does.

    def create_user(self) -> int:
        user = self.system.client.create_user(f"u{len(self.users)}").user_id
        self.users.append(user)
        return user

    def post(self, author: int, text: str = "Hello", reply_to: int = 0) -> int | None:
        """Whoever of u0, u1, ... is named in the text with an @ and exists is mentioned."""
        people = frozenset(user for number, user in enumerate(self.users) if f"@u{number}" in text.split())
        if reply_to and (error := self._refusal(author, reply_to)):
            with pytest.raises(error):
                self.system.user(author).create_tweet(text, in_reply_to=reply_to)
            return None
        tweet = self.system.user(author).create_tweet(text, in_reply_to=reply_to)
        return self._noted(tweet, self.model.original(reply_to).id if reply_to else 0, people)

    def fail_to_post(self, author: int) -> str:
        """A post that fails after its request_id was claimed. Answers the request_id, for `post_again`."""
        request_id = str(uuid.uuid4())
        self.system.tweet_store.broken = {"create"}
        with pytest.raises(InternalError):
            self.system.user(author).create_tweet("Hello again", request_id=request_id)
        self.system.tweet_store.broken = set()
        return request_id

    def post_again(self, author: int, request_id: str) -> int:
        """Finishes such a post, under the id that it had then."""
        tweet = self.system.user(author).create_tweet("Hello again", request_id=request_id)
        return self._noted(tweet, 0, frozenset())

    def repost(self, user: int, tweet_id: int) -> int | None:
        if error := self._refusal(user, tweet_id):
            with pytest.raises(error):
                self.system.user(user).create_repost(tweet_id)
            return None
        original = self.model.original(tweet_id).id
        standing = self.model.repost_of(user, original)
        tweet = self.system.user(user).create_repost(tweet_id)
        if standing is not None:
            assert tweet.tweet_id == standing, "a second repost of the same user"
            return standing
        return self._noted(tweet, original, frozenset())

    def undo_repost(self, user: int, original: int) -> None:
        self.system.user(user).delete_repost(original)
        standing = self.model.repost_of(user, original)
        if standing is not None:
            self.model.delete(standing)
        self._changed()

    def delete(self, tweet_id: int) -> None:
        self.system.user(self.model.entries[tweet_id].author).delete_tweet(tweet_id)
        self.model.delete(tweet_id)
        self._changed()

    def follow(self, user: int, other: int, hide_reposts: bool = False) -> bool:
        client, most = self.system.user(user), self.system.settings.graph.max_following
        if self.model.barred(user, [other]):
            with pytest.raises(NotAllowed):
                client.follow(other, hide_reposts)
            return False
        if (user, other) not in self.model.follows and self.model.follow_counts(user)[1] >= most:
            with pytest.raises(LimitReached):
                client.follow(other, hide_reposts)
            return False
        client.follow(other, hide_reposts)
        self.model.follow(user, other, hide_reposts)
        self._changed()
        return True

    def unfollow(self, user: int, other: int) -> None:
        self.system.user(user).unfollow(other)
        self.model.unfollow(user, other)
        self._changed()

    def block(self, user: int, other: int) -> None:
        self.system.user(user).block(other)
        self.model.block(user, other)
        self._changed()

    def unblock(self, user: int, other: int) -> None:
        self.system.user(user).unblock(other)
        self.model.blocks.discard((user, other))
        self._changed()

    def mute(self, user: int, other: int) -> None:
        self.system.user(user).mute(other)
        self.model.mutes.add((user, other))
        self._changed()

    def unmute(self, user: int, other: int) -> None:
        self.system.user(user).unmute(other)
        self.model.mutes.discard((user, other))
        self._changed()

    def pass_time(self, seconds: float) -> None:
        self.system.pass_time(seconds)
        self._changed()

    def begin_walk(self, user: int, size: int) -> Walk:
        """A walk that goes on while things change; what was delivered before it began must come."""
        walk = Walk(self.system, self.model, user, size)
        self.walks.append(walk)
        return walk

    # What is compared

    def home(self, user: int, size: int = 3, **query: Any) -> list[int]:
        """A whole walk. Checked in passing: ids fall strictly, pages are not too long."""
        ids: list[int] = []
        token = ""
        while True:
            page = self.system.user(user).home_page(size, token, **query)
            assert len(page.items) <= size, "a page that is too long"
            ids += [item.tweet.tweet_id for item in page.items]
            token = page.next_page_token
            if not token:
                break
        assert ids == sorted(set(ids), reverse=True), f"not strictly newest first: {self.named(ids)}"
        return ids

    def expected_home(self, user: int, **query: Any) -> list[int]:
        hidden = {Kind.REPLY: query.get("exclude_replies"), Kind.REPOST: query.get("exclude_reposts")}
        home = self.model.home(user, self.system.now_ms())
        entries = [self.model.entries[id_] for id_ in home if id_ > query.get("since_tweet_id", 0)]
        return [entry.id for entry in entries if not hidden.get(entry.kind)]

    def check_now(self, user: int, size: int = 3) -> None:
        """What holds at any time: nothing that he may not see, and what he wrote himself."""
        shown = self.home(user, size)
        candidates = [entry.id for entry in self.model.candidates(user, self.system.now_ms())]
        wrong = [id_ for id_ in shown if id_ not in candidates]
        assert not wrong, f"{self.name(user)} is shown what he may not see: {self.named(wrong)}"
        self._check_there(user, user, shown)

    def check_followed(self, user: int, author: int) -> None:
        """What holds at once after a follow."""
        self._check_there(user, author, self.home(user))

    def check_rest(self, user: int, size: int = 3, **query: Any) -> None:
        """What holds when all is delivered and the view is fresh."""
        page = self.system.user(user).home_page(size, **query)
        assert page.state.status == READY, page.state
        self._check_items(user, page)
        shown, expected = self.home(user, size, **query), self.expected_home(user, **query)
        assert shown == expected, (
            f"home of {self.name(user)} {query or ''} by {size}: {self.named(shown)}, must be {self.named(expected)}"
        )

    def check_relations(self, user: int) -> None:
        model, others = self.model, [other for other in self.users if other != user]
        for found in self.system.user(user).relationships(others) if others else ():
            pair, back = (user, found.user_id), (found.user_id, user)
            assert found.following == (pair in model.follows)
            assert found.shows_reposts == (pair in model.follows and not model.follows[pair])
            assert found.followed_by == (back in model.follows)
            assert (found.blocking, found.blocked_by) == (pair in model.blocks, back in model.blocks)
            assert found.muting == (pair in model.mutes)
        counts = self.system.client.follow_counts(user)
        assert (counts.followers, counts.following) == model.follow_counts(user)
        followers = {pair[0] for pair in model.follows if pair[1] == user}
        assert set(self.system.client.iter_followers(user, page_size=1)) == followers
        listed = list(self.system.client.iter_user_tweets(user, page_size=2))
        mine = [entry.id for entry in model.entries.values() if entry.author == user and model.stands(entry.id)]
        assert [tweet.tweet_id for tweet in listed] == sorted(mine, reverse=True)

    def check_counts(self) -> None:
        for id_ in self.model.entries:
            if not self.model.stands(id_):
                with pytest.raises(NotFound):
                    self.system.client.get_tweet(id_)
                continue
            counts = self.system.client.get_tweet(id_).counts
            assert (counts.replies, counts.reposts) == self.model.counts(id_), f"counts of {self.named([id_])}"

    # Names for messages: a user is u0, u1, ...; an entry is what it is, by whom, and its number.

    def name(self, user: int) -> str:
        return f"u{self.users.index(user)}"

    def named(self, ids: Sequence[int]) -> str:
        order = sorted(self.model.entries)
        texts = []
        for id_ in ids:
            entry = self.model.entries[id_]
            about = f" of {order.index(entry.about)}" if entry.about else ""
            texts.append(f"{order.index(id_)}: {entry.kind.value} by {self.name(entry.author)}{about}")
        return f"[{', '.join(texts)}]"

    def _check_there(self, user: int, author: int, shown: Sequence[int]) -> None:
        """Of the author's posts and replies: those that no other entry could push out or hide."""
        candidates = self.model.candidates(user, self.system.now_ms())[: self.model.home_size]
        due = [entry.id for entry in candidates if entry.author == author and entry.kind is not Kind.REPOST]
        missing = [id_ for id_ in due if id_ not in shown]
        assert not missing, f"{self.name(user)} does not see at once: {self.named(missing)}"

    def _check_items(self, user: int, page: timeline_pb2.ListHomeTimelineResponse) -> None:
        for item in page.items:
            shown = self.model.original(item.tweet.tweet_id).id
            assert (item.counts.replies, item.counts.reposts) == self.model.counts(shown)
            assert item.viewer_state.reposted == (self.model.repost_of(user, shown) is not None)
            assert item.reposted_tweet.tweet_id == (0 if shown == item.tweet.tweet_id else shown)
            assert {item.tweet.author_id, self.model.entries[shown].author} <= {found.user_id for found in page.users}

    def _refusal(self, user: int, tweet_id: int) -> type[Exception] | None:
        if not self.model.stands(tweet_id):
            return NotFound
        return NotAllowed if self.model.barred(user, [self.model.original(tweet_id).author]) else None

    def _noted(self, tweet: tweet_pb2.Tweet, about: int, people: frozenset[int]) -> int:
        kind = _KINDS[tweet.kind]
        self.model.add(Entry(tweet.tweet_id, tweet.author_id, tweet.create_time_ms, kind, about, people))
        self._changed()
        return tweet.tweet_id

    def _changed(self) -> None:
        for walk in self.walks:
            walk.note()
