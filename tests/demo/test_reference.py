"""The demo's reference agrees with the tests' model, which was written apart from it."""

import random

import pytest

from loadtest.demo.reference import HOME_SIZE, Reference
from tests.support.model import Entry, Kind, Model

USERS = range(1, 7)
NOW_MS = 1_000


class Both:
    """Tells both the same."""

    def __init__(self, model: Model) -> None:
        self.reference, self.model = Reference(), model
        self._next = 0

    def post(self, author: int) -> int:
        self._next += 1
        self.reference.posted(self._next, author)
        self.model.add(Entry(self._next, author, NOW_MS))
        return self._next

    def reply(self, author: int, to: int) -> int:
        self._next += 1
        self.reference.posted(self._next, author, reply_to=to)
        self.model.add(Entry(self._next, author, NOW_MS, Kind.REPLY, to))
        return self._next

    def repost(self, author: int, original: int) -> None:
        self._next += 1
        self.reference.posted(self._next, author, repost_of=original)
        self.model.add(Entry(self._next, author, NOW_MS, Kind.REPOST, original))

    def follow(self, follower: int, followee: int) -> None:
        self.reference.followed(follower, followee)
        self.model.follow(follower, followee)

    def unfollow(self, follower: int, followee: int) -> None:
        self.reference.unfollowed(follower, followee)
        self.model.unfollow(follower, followee)


@pytest.mark.parametrize("seed", range(25))
def test_homes_are_those_of_the_model(seed: int) -> None:
    rng, both = random.Random(seed), Both(Model())
    originals = [both.post(1)]
    for _ in range(300):
        one, other = rng.sample(USERS, 2)
        match rng.randrange(6):
            case 0:
                both.follow(one, other)
            case 1:
                both.unfollow(one, other)
            case 2:
                both.repost(one, rng.choice(originals[-60:]))
            case 3:
                originals.append(both.reply(one, rng.choice(originals[-10:])))
            case _:
                originals.append(both.post(one))
    for user in USERS:
        assert both.reference.home(user) == both.model.home(user, NOW_MS)


def test_a_home_ends_at_its_size() -> None:
    both = Both(Model())
    both.follow(1, 2)
    for _ in range(HOME_SIZE + 5):
        both.post(2)
    assert both.reference.home(1) == both.model.home(1, NOW_MS)
    assert len(both.reference.home(1)) == HOME_SIZE


def test_posts_by_an_author() -> None:
    both = Both(Model())
    mine, theirs = both.post(1), both.post(2)
    assert both.reference.by(2, [mine, theirs]) == {theirs}
