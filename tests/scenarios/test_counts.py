"""Promise 9: counts equal the rows."""

from __future__ import annotations

from tests.support.world import World


def check(world: World) -> None:
    world.check_counts()
    for user in world.users:
        world.check_relations(user)


def test_counts_of_posts_through_all_that_changes_them(world: World) -> None:
    one, two, three = world.users[:3]
    post = world.post(one)
    answers = [world.post(user, "Yes", post) for user in (two, three, one)]
    check(world)
    repost = world.repost(two, post)
    world.repost(three, repost)  # is one of the original
    world.repost(two, post)  # stands already
    world.post(three, "No", repost)  # answers the original
    check(world)
    assert world.model.counts(post) == (4, 2)
    world.delete(answers[0])
    world.undo_repost(two, post)
    world.undo_repost(two, post)
    check(world)
    world.system.flush_cache()
    check(world)
    world.system.settle()
    world.system.log.repeat(world.system.call(), world.system.log.appended)
    world.system.settle()
    world.system.restart_serving()
    check(world)
    world.delete(world.repost(two, post))
    check(world)


def test_counts_of_followers_through_all_that_changes_them(world: World) -> None:
    one, two, three, four = world.users
    for user in (two, three, four):
        world.follow(user, one)
        world.follow(user, one)
    world.follow(one, two)
    check(world)
    world.follow(two, one, hide_reposts=True)
    world.unfollow(three, one)
    world.unfollow(three, one)
    check(world)
    world.block(one, two)
    check(world)
    world.system.settle()
    world.system.log.repeat(world.system.call(), world.system.log.appended[::-1])
    world.system.settle()
    check(world)
    world.unblock(one, two)
    world.follow(two, one)
    check(world)
    world.system.restart_serving()
    check(world)


def test_a_home_shows_the_counts_of_now(world: World) -> None:
    reader, author, other = world.users[:3]
    world.follow(reader, author)
    post = world.post(author)
    world.system.settle()
    for step in range(3):
        world.check_rest(reader)
        if step == 0:
            world.post(other, "Yes", post)
        elif step == 1:
            world.repost(reader, post)
    world.undo_repost(reader, post)
    world.check_rest(reader)
