"""Promise 6: a writer reads his own write on his next read. Promise 7: ids are unique and above their parents'."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from murmuration.v1 import tweet_pb2
from tests.support.world import World


@pytest.mark.parametrize("cache_bytes", [1 << 20, 1000, 0])
@pytest.mark.parametrize("mode", [tweet_pb2.DELIVERY_MODE_PUSH, tweet_pb2.DELIVERY_MODE_PULL])
def test_what_one_wrote_is_there_at_once(make_world: Callable[..., World], cache_bytes: int, mode: int) -> None:
    world = make_world(2, cache_bytes=cache_bytes)
    author, other = world.users
    world.system.client.admin.set_author_mode(author, mode)
    theirs = world.post(other, "Hello")

    def at_once(post: int) -> None:
        assert world.home(author)[0] == post
        assert next(world.system.client.iter_user_tweets(author)).tweet_id == post
        world.check_now(author)

    assert world.home(author) == []
    at_once(world.post(author))
    at_once(world.post(author, "Yes", theirs))
    at_once(world.repost(author, theirs))
    world.system.flush_cache()
    at_once(world.post(author))
    world.pass_time(1)  # a process does not start within a millisecond
    world.system.restart_serving()
    at_once(world.post(author))
    newest = world.home(author)[0]
    world.delete(newest)
    assert newest not in world.home(author)
    world.system.restart_serving()
    assert newest not in world.home(author)


def test_ids_grow_while_the_clock_goes_back(world: World) -> None:
    author, other = world.users[:2]
    ids = [world.post(author) for _ in range(3)]
    for seconds in (-30, 0, -20):
        world.system.runtime.ms += seconds * 1000
        ids.append(world.post(author))
        assert ids == sorted(set(ids))
        answer = world.post(other, "Yes", ids[-1])
        assert answer > ids[-1]
        world.check_now(author)


def test_ids_of_a_process_with_a_slow_clock_are_unique_and_above_their_parents(world: World) -> None:
    author, other = world.users[:2]
    ids = [world.post(author) for _ in range(3)]
    world.system.runtime.ms -= 40_000
    world.system.restart_serving()
    newest = max(ids)
    for _ in range(5):
        ids.append(world.post(other))
        answer = world.post(other, "Yes", newest)
        assert answer > newest
        ids.append(newest := answer)
        ids.append(world.repost(author, newest))
        assert ids[-1] > newest
    assert len(set(ids)) == len(ids)
    world.check_now(author)
    world.system.runtime.ms += 40_000
    world.system.settle()
    world.check_rest(author)
    world.check_rest(other)


def test_a_slow_clock_undoes_no_later_change(world: World) -> None:
    reader, author = world.users[:2]
    post = world.post(author)
    world.follow(reader, author)
    world.unfollow(reader, author)
    world.system.runtime.ms -= 30_000
    world.follow(reader, author)
    world.system.settle()
    assert world.home(reader) == [post]
    world.system.runtime.ms -= 20_000
    world.unfollow(reader, author)
    world.system.settle()
    assert world.home(reader) == []
    world.check_relations(reader)
