"""Promise 5: unfollow, block and mute act on the next read, on old posts too; a follow brings the author's posts into
the next read."""

from __future__ import annotations

import pytest

from murmuration.v1 import tweet_pb2
from murmuration_client import NotAllowed
from tests.support.world import World

PUSH, PULL = tweet_pb2.DELIVERY_MODE_PUSH, tweet_pb2.DELIVERY_MODE_PULL

both_modes = pytest.mark.parametrize("mode", [PUSH, PULL])


def told(world: World, mode: int) -> tuple[int, int, list[int]]:
    """u0 follows u1, who has posted three times."""
    reader, author = world.users[:2]
    world.system.client.admin.set_author_mode(author, mode)
    posts = [world.post(author, f"Number {number}") for number in range(3)]
    world.follow(reader, author)
    world.system.settle()
    assert world.home(reader) == posts[::-1]
    return reader, author, posts


@both_modes
def test_unfollowed_unseen(world: World, mode: int) -> None:
    reader, author, posts = told(world, mode)
    world.unfollow(reader, author)
    assert world.home(reader) == []
    world.system.settle()
    assert world.home(reader) == []
    world.follow(reader, author)
    assert world.home(reader) == posts[::-1]
    world.system.settle()
    world.check_rest(reader)


@both_modes
def test_muted_unseen_and_unmuted_seen(world: World, mode: int) -> None:
    reader, author, posts = told(world, mode)
    friend = world.users[2]
    world.follow(reader, friend)
    repost = world.repost(friend, posts[0])
    world.mute(reader, author)
    assert world.home(reader) == []
    world.system.settle()
    assert world.home(reader) == []
    world.unmute(reader, author)
    assert world.home(reader) == [repost, *posts[::-1]], "the original is not among the next two"


@both_modes
@pytest.mark.parametrize("by_the_reader", [True, False])
def test_blocked_unseen_in_whatever_part(world: World, mode: int, by_the_reader: bool) -> None:
    reader, author, posts = told(world, mode)
    friend = world.users[2]
    world.follow(reader, friend)
    reposted = world.repost(friend, posts[0])
    named = world.post(friend, "This is about @u1 and more")
    named_in = world.repost(friend, world.post(world.users[3], "Ask @u1 about it"))
    world.system.settle()
    assert {named, named_in} <= set(world.home(reader))
    world.block(*((reader, author) if by_the_reader else (author, reader)))
    for _ in range(2):
        assert not {*posts, reposted, named, named_in} & set(world.home(reader))
        world.check_now(reader)
        world.check_now(author)
        world.system.settle()
    world.check_rest(reader)
    world.check_rest(author)


def test_a_block_ends_both_follows_and_its_end_does_not_bring_them_back(world: World) -> None:
    one, another = world.users[:2]
    world.follow(one, another)
    world.follow(another, one)
    world.system.settle()
    world.block(one, another)
    world.check_relations(one)
    world.check_relations(another)
    for user, other in ((one, another), (another, one)):
        with pytest.raises(NotAllowed):
            world.system.user(user).follow(other)
    world.unblock(one, another)
    world.system.settle()
    world.check_relations(one)
    world.check_relations(another)
    assert world.follow(another, one)


@both_modes
def test_a_follow_brings_old_posts_before_any_worker_has_moved(world: World, mode: int) -> None:
    reader, author = world.users[:2]
    world.system.client.admin.set_author_mode(author, mode)
    posts = [world.post(author, f"Number {number}") for number in range(world.model.home_size)]
    assert world.home(reader) == []
    world.follow(reader, author)
    assert world.home(reader, 2) == posts[::-1]
    for name in world.system.worker_steps * 3:
        world.system.step(name)
        assert world.home(reader, 2) == posts[::-1], f"after {name}"
    world.system.settle()
    world.check_rest(reader, 2)


def test_a_follow_with_reposts_or_without(world: World) -> None:
    reader, author, reposter = world.users[:3]
    world.follow(reader, reposter, hide_reposts=True)
    repost = world.repost(reposter, world.post(author))
    post = world.post(reposter)
    for hide_reposts, home in ((True, [post]), (False, [post, repost]), (True, [post])):
        world.follow(reader, reposter, hide_reposts)
        for _ in range(2):
            world.system.settle()
            assert world.home(reader) == home
            world.check_relations(reader)


def test_an_author_followed_anew_while_his_post_is_under_way(world: World) -> None:
    reader, author = world.users[:2]
    world.follow(reader, author)
    world.system.settle()
    post = world.post(author)
    world.system.step("relay-tweets")
    world.system.step("fanout-planner")
    world.unfollow(reader, author)
    world.system.run_until_idle()  # finds no follower
    world.follow(reader, author)
    assert world.home(reader) == [post]
    world.system.settle()
    world.check_rest(reader)
