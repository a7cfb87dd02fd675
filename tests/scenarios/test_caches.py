"""Promise 11: the cache may be flushed, switched off and on, or forget anything at any moment: never wrong."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.scenarios.test_events import check_all, live
from tests.support.assembly import CACHE_BYTES
from tests.support.world import World


@pytest.mark.parametrize("cache_bytes", [0, 700, 3000])
def test_without_a_cache_and_with_one_that_forgets(make_world: Callable[..., World], cache_bytes: int) -> None:
    world = make_world(4, cache_bytes=cache_bytes)
    chance = Random(cache_bytes)
    for _ in range(4):
        live(world, chance, 8)
        for user in world.users:
            world.check_now(user)
    check_all(world)


def test_flushed_after_everything_that_is_done(world: World) -> None:
    chance = Random(3)
    for _ in range(25):
        live(world, chance, 1)
        world.check_now(chance.choice(world.users))
        world.system.flush_cache()
        world.check_now(chance.choice(world.users))
        world.system.step(chance.choice(world.system.worker_steps))
    check_all(world)


def test_switched_off_and_on(world: World) -> None:
    chance = Random(5)
    for cache_bytes in (CACHE_BYTES, 0, CACHE_BYTES, 0, 700):
        world.system.cache_bytes = cache_bytes
        world.system.restart_serving()
        live(world, chance, 8)
        for user in world.users:
            world.check_now(user)
        check_all(world)
