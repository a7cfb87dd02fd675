"""Promise 4: deleted is gone, at once and for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from murmuration.v1 import tweet_pb2
from murmuration_client import NotAllowed, NotFound
from tests.support.world import World


@pytest.mark.parametrize("mode", [tweet_pb2.DELIVERY_MODE_PUSH, tweet_pb2.DELIVERY_MODE_PULL])
@pytest.mark.parametrize("delivered", [True, False])
def test_what_is_deleted_is_gone_from_every_home_at_once_and_for_ever(
    world: World, mode: tweet_pb2.DeliveryMode.ValueType, delivered: bool
) -> None:
    reader, author, other = world.users[:3]
    world.follow(reader, author)
    world.follow(reader, other)
    world.system.client.admin.set_author_mode(author, mode)
    post = world.post(author)
    repost = world.repost(other, post)
    answer = world.post(other, "Yes", post)
    if delivered:
        world.system.settle()
        assert {post, answer} <= set(world.home(reader))
        assert repost not in world.home(reader), "the original is there"
    world.delete(post)

    def check() -> None:
        for user in world.users:
            world.check_now(user)
            assert not {post, repost} & set(world.home(user))
        assert answer not in world.home(reader), "an answer to nothing"
        assert answer in world.home(other), "his own"
        for gone in (post, repost):
            with pytest.raises(NotFound):
                world.system.client.get_tweet(gone)
        assert set(world.system.client.batch_get_tweets([post, repost, answer])) == {answer}

    check()
    world.system.flush_cache()
    check()
    world.system.restart_serving()
    check()
    world.system.settle()
    check()
    world.system.log.repeat(world.system.call(), world.system.log.appended)
    world.system.settle()
    check()
    world.system.client.admin.rebuild_timeline(reader)
    world.system.settle()
    check()
    world.check_rest(reader)


def test_nothing_can_be_done_with_what_is_deleted(world: World) -> None:
    author, other = world.users[:2]
    post = world.post(author)
    repost = world.repost(author, post)
    world.delete(post)
    for gone in (post, repost):
        assert world.post(other, "Yes", gone) is None
        assert world.repost(other, gone) is None


def test_deleting_twice_is_like_once_and_only_the_author_may(world: World) -> None:
    author, other = world.users[:2]
    post, answered = world.post(author), world.post(author)
    answer = world.post(other, "Yes", answered)
    with pytest.raises(NotAllowed):
        world.system.user(other).delete_tweet(post)
    with pytest.raises(NotFound):
        world.system.user(other).delete_tweet(post + 1_000_000)
    for _ in range(2):
        world.delete(answer)
        world.check_counts()


def test_an_undone_repost_can_be_done_again(make_world: Callable[..., World]) -> None:
    world = make_world(3)
    reader, author, reposter = world.users
    world.follow(reader, reposter)
    post = world.post(author)
    seen = set()
    for _ in range(3):
        repost = world.repost(reposter, post)
        world.system.settle()
        world.check_rest(reader)
        assert world.home(reader) == [repost]
        seen.add(repost)
        world.undo_repost(reposter, post)
        world.undo_repost(reposter, post)
        assert world.home(reader) == []
    assert len(seen) == 3
    world.check_counts()
