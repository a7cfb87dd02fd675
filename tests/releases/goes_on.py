"""What must hold of this tree where a release has stopped in the middle of its work; for files and for real servers."""

from __future__ import annotations

from collections.abc import Iterable

from murmuration_server.cache.port import CacheKey, CacheStore
from tests.releases.kept import Kept, Lookups
from tests.support.world import World


def look(world: World) -> None:
    """Everybody's home before anything else is delivered: nothing that he may not see, and what he wrote himself."""
    for user in world.users:
        world.check_now(user)


def finish(world: World) -> None:
    """What waited is delivered, and everything is as the model of that release's answers has it."""
    world.system.settle()
    compare(world)


def compare(world: World) -> None:
    for user in world.users:
        world.check_rest(user)
        world.check_relations(user)
    world.check_counts()


def walk_on(world: World, kept: Kept) -> None:
    """A page token that the release has handed out is good, and the walk goes on behind what it has shown."""
    walk = kept.read("model.json")["walk"]
    user, token, shown = walk["user"], walk["token"], walk["shown"]
    assert token
    rest: list[int] = []
    while token:
        page = world.system.user(user).home_page(3, token)
        rest += [item.tweet.tweet_id for item in page.items]
        token = page.next_page_token
    assert rest == [id_ for id_ in world.expected_home(user) if id_ < shown[-1]]


def live_on(world: World) -> None:
    """People go on with what they have: each kind of change, of something that the release has written."""
    a, b, c, d, e, f, *_ = world.users
    standing = [entry for entry in world.model.entries.values() if world.model.stands(entry.id)]
    for author in (a, b, c, d, e):
        mine = [entry.id for entry in standing if entry.author == author]
        world.post(d if author != d else e, "An answer to what is old", reply_to=mine[0])
        world.repost(b, mine[-1])
        world.delete(mine[0])
    world.unfollow(a, b)
    world.follow(b, c)
    world.unmute(c, e)
    world.mute(d, a)
    world.unblock(f, a)
    world.follow(f, a)
    world.block(b, f)
    for user in (a, b, c, d, e, f):
        world.post(user, "And on it goes")
        world.check_now(user)
    world.system.client.admin.rebuild_timeline(e)
    finish(world)


def read_cached(world: World, kept: Kept, cache: CacheStore) -> None:
    """With the cache as the release left it: of each kind of entries that both know, some are read, and read right.

    A kind's version is part of its keys: what has another one by now is not asked for.
    """
    kept.fill(cache, world.system.call())
    with Lookups(kept.cached()) as lookups:
        look(world)
        for user in world.users:
            world.check_relations(user)
    common = _kinds(lookups.asked) & _kinds(kept.cached())
    assert common, "every kind has another version now"
    assert common == _kinds(lookups.used)
    finish(world)


def _kinds(keys: Iterable[CacheKey]) -> set[str]:
    return {key.name.partition(":")[0] for key in keys}
