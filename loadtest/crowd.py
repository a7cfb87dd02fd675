"""The people of a graph as one generating process knows them: their ids, who is playing, and who left whom."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from loadtest.graphs import SocialGraph
from loadtest.workload import Session, Stream
from murmuration_client import Client

LATELY = 200
"""Posts kept to be answered and reposted."""
DRAWS = 100
"""Sessions drawn before one counts as not to be had: their readers are all busy, or another process's."""


@dataclass(frozen=True, slots=True)
class Share:
    """Each of `of` processes plays the readers whose number leaves `index`: what one reader sees follows from what this
    process did for him, and can be checked."""

    index: int = 0
    of: int = 1

    def has(self, user: int) -> bool:
        return user % self.of == self.index


class Crowd:
    def __init__(self, client: Client, graph: SocialGraph, share: Share) -> None:
        self.client, self.graph, self.share = client, graph, share
        self.lately: deque[tuple[int, int]] = deque(maxlen=LATELY)
        """(post's id, author's id), as readers saw them."""
        self._ids: dict[int, int] = {}
        self._playing: set[int] = set()
        self._left: set[tuple[int, int]] = set()

    def knows(self, user: int) -> bool:
        return user in self._ids

    def id_of(self, user: int) -> int:
        """Asks once for each; raises what the client raises."""
        if user not in self._ids:
            self._ids[user] = self.client.get_user(self.graph.handles[user]).user_id
        return self._ids[user]

    def acting_as(self, user: int) -> Client:
        return self.client.acting_as(self.id_of(user))

    @contextmanager
    def session(self, stream: Stream) -> Iterator[Session | None]:
        """The stream's next session whose reader is this process's and does not play already: as one has one pair of
        eyes, nobody plays two sessions at once. None if all that were drawn are taken."""
        for _ in range(DRAWS):
            drawn = stream.session()
            if self.share.has(drawn.reader) and drawn.reader not in self._playing:
                self._playing.add(drawn.reader)
                try:
                    yield drawn
                finally:
                    self._playing.discard(drawn.reader)
                return
        yield None

    def leaves(self, follower: int, author_id: int) -> None:
        """He is about to unfollow; whether he follows again later is not asked."""
        self._left.add((follower, author_id))

    def follows(self, follower: int, author: int) -> bool:
        """Whether a follower by the graph has stayed one."""
        return (follower, self._ids.get(author)) not in self._left

    def some_followers(self, author: int, count: int, rng: random.Random) -> list[int]:
        """At most so many of this process's."""
        followers = self.graph.followers(author)
        drawn = rng.sample(range(len(followers)), min(count * self.share.of, len(followers)))
        mine = [followers[place] for place in drawn if self.share.has(followers[place])]
        return [follower for follower in mine if self.follows(follower, author)][:count]
