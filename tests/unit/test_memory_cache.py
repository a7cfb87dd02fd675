"""The memory cache is bounded: what was used longest ago goes first."""

from __future__ import annotations

from murmuration_server.cache.memory import ENTRY_OVERHEAD_BYTES, MemoryCache
from murmuration_server.cache.port import CacheKey
from murmuration_server.platform.call import Call
from tests.support.contract_clock import SetClock

CLOCK = SetClock()
CALL = Call.background(CLOCK, 600)
KEYS = [CacheKey(n, f"k:{n}") for n in range(5)]
LONG = 3600.0


def cache_for(entries: int, value_bytes: int = 100) -> MemoryCache:
    return MemoryCache(CLOCK, entries * (value_bytes + ENTRY_OVERHEAD_BYTES))


def held(cache: MemoryCache) -> list[int]:
    return [key.ring_id for key in KEYS if cache.get_many(CALL, [key])]


def test_what_was_used_longest_ago_goes_first() -> None:
    cache = cache_for(3)
    for key in KEYS[:3]:
        cache.set(CALL, key, b"x" * 100, LONG)
    cache.get_many(CALL, [KEYS[0]])
    cache.set(CALL, KEYS[3], b"x" * 100, LONG)
    assert held(cache) == [0, 2, 3]


def test_replacing_makes_no_room_of_others() -> None:
    cache = cache_for(2)
    for _ in range(5):
        for key in KEYS[:2]:
            cache.set(CALL, key, b"x" * 100, LONG)
    assert held(cache) == [0, 1]


def test_deleting_flushing_and_ending_give_the_room_back() -> None:
    cache = cache_for(2)
    for free in (
        lambda: [cache.delete(CALL, key) for key in KEYS],
        lambda: cache.flush(CALL),
        lambda: CLOCK.pass_time(LONG + 1),
    ):
        for key in KEYS[:2]:
            cache.set(CALL, key, b"x" * 100, LONG)
        assert held(cache) == [0, 1]
        free()
        assert held(cache) == []


def test_what_is_larger_than_all_the_room_is_not_kept() -> None:
    cache = cache_for(1)
    cache.set(CALL, KEYS[0], b"x" * 1000, LONG)
    assert held(cache) == []
    cache.set(CALL, KEYS[1], b"x" * 100, LONG)
    assert held(cache) == [1]
