"""Short stories that once came out wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from murmuration.v1 import tweet_pb2
from tests.support.world import World

PULL = tweet_pb2.DELIVERY_MODE_PULL


@pytest.mark.parametrize("deleted", [2, 3])
def test_older_posts_stay_when_all_that_the_cache_holds_are_deleted(world: World, deleted: int) -> None:
    author, reader = world.users[:2]
    posts = [world.post(author) for _ in range(4)]
    world.check_now(author)
    for post in posts[-deleted:]:
        world.delete(post)
    world.check_now(author)
    world.follow(reader, author)
    world.check_followed(reader, author)


def test_a_repost_stays_hidden_when_its_original_is_older_than_what_is_asked_for(world: World) -> None:
    reader, author, reposter = world.users[:3]
    world.follow(reader, author)
    world.follow(reader, reposter)
    original = world.post(author)
    between = world.post(author)
    world.repost(reposter, original)
    world.system.settle()
    world.check_rest(reader)
    world.check_rest(reader, since_tweet_id=original)
    world.check_rest(reader, since_tweet_id=between)


def test_a_repost_of_ones_own_outlives_a_mute(world: World) -> None:
    reader, author = world.users[:2]
    world.repost(reader, world.post(author))
    world.mute(reader, author)
    world.system.settle()
    world.check_rest(reader)


def test_a_repost_of_ones_own_goes_when_its_author_blocks_one(world: World) -> None:
    reader, *others, author = world.users
    post = world.post(author)
    world.repost(reader, post)
    # More than are kept with a reader's relations, which are those with the least ids.
    for other in [*others, author]:
        world.block(other, reader)
    world.check_now(reader)
    world.system.settle()
    world.check_rest(reader)


def test_a_repost_of_ones_own_goes_when_somebody_named_in_it_blocks_one(world: World) -> None:
    reader, author, *others = world.users
    world.repost(reader, world.post(author, "Ask @u3 about it"))
    for other in others:
        world.block(other, reader)
    world.check_now(reader)


@pytest.mark.parametrize("merged", [1, 10])
def test_the_view_keeps_its_depth_over_refreshes(make_world: Callable[..., World], merged: int) -> None:
    world = make_world(4, timeline={"home_size": 2, "view_merge_authors": merged})
    reader, author, other, stranger = world.users
    for followee in (author, other):
        world.follow(reader, followee)
        world.system.client.admin.set_author_mode(followee, PULL)
    world.system.settle()
    asked = world.post(stranger)
    world.post(author, "The one that is to be seen")
    for _ in range(3):
        # Not for this reader, who does not follow whom they answer.
        world.post(author, "Yes", asked)
    world.system.settle()
    world.check_rest(reader)
    world.pass_time(60)
    world.post(other)
    world.system.settle()
    world.check_rest(reader)


def test_a_view_that_was_not_refreshed_for_long_reads_all_of_the_gap(world: World) -> None:
    reader, author = world.users[:2]
    world.follow(reader, author)
    world.system.client.admin.set_author_mode(author, PULL)
    world.system.settle()
    world.post(author)
    # Longer than what each refresh reads again, shorter than the time to the next whole one.
    world.pass_time(70)
    world.system.settle()
    world.check_rest(reader)
