"""What a home must show, from acked calls alone: the demo's own few lines, without a line of the server's.

A home is the newest 800 posts of whom the reader follows and of himself, newest first. A reply is shown if the reader
follows whom it answers, if it answers him, or if everything above it is by its author. A repost is left out if its
original or another repost of it is among the 40 entries next older than it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from heapq import merge

HOME_SIZE = 800
REPOST_WINDOW = 40


class Kind(Enum):
    POST = 1
    REPLY = 2
    REPOST = 3


@dataclass(frozen=True, slots=True, order=True)
class Post:
    """`about`: the post that a reply answers, or a repost repeats; `thread`: all above a reply is by its author."""

    post_id: int
    author: int
    kind: Kind = Kind.POST
    about: int = 0
    about_author: int = 0
    thread: bool = False


class Reference:
    def __init__(self) -> None:
        self._following: dict[int, set[int]] = defaultdict(set)
        self._posts: dict[int, list[Post]] = defaultdict(list)
        self._by_id: dict[int, Post] = {}

    def followed(self, follower: int, followee: int) -> None:
        self._following[follower].add(followee)

    def unfollowed(self, follower: int, followee: int) -> None:
        self._following[follower].discard(followee)

    def posted(self, post_id: int, author: int, *, reply_to: int = 0, repost_of: int = 0) -> None:
        """An acked post. An author's posts come in the order of their ids."""
        post = Post(post_id, author)
        if reply_to:
            parent = self._by_id[reply_to]
            above = parent.author == author and (parent.kind is Kind.POST or parent.thread)
            post = Post(post_id, author, Kind.REPLY, reply_to, parent.author, above)
        elif repost_of:
            post = Post(post_id, author, Kind.REPOST, repost_of, self._by_id[repost_of].author)
        self._by_id[post_id] = post
        self._posts[author].append(post)

    def following(self, reader: int) -> frozenset[int]:
        return frozenset(self._following[reader])

    def by(self, author: int, posts: Iterable[int]) -> set[int]:
        """Those of the posts that the author has made."""
        return {post_id for post_id in posts if self._by_id[post_id].author == author}

    def home(self, reader: int) -> list[int]:
        """Ids, newest first."""
        authors = {reader, *self._following[reader]}
        newest = merge(*(reversed(self._posts[author]) for author in authors), key=lambda post: -post.post_id)
        eligible = [post for post in newest if self._shown(post, reader)]
        kept = [
            post.post_id
            for place, post in enumerate(eligible)
            if post.kind is not Kind.REPOST or not _repeated(post, eligible[place + 1 : place + 1 + REPOST_WINDOW])
        ]
        return kept[:HOME_SIZE]

    def _shown(self, post: Post, reader: int) -> bool:
        return (
            post.kind is not Kind.REPLY
            or post.author == reader
            or post.thread
            or post.about_author == reader
            or post.about_author in self._following[reader]
        )


def _repeated(repost: Post, older: Iterable[Post]) -> bool:
    return any(
        other.post_id == repost.about or (other.kind is Kind.REPOST and other.about == repost.about) for other in older
    )
