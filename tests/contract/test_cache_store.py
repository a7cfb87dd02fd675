"""What a CacheStore promises. Anything may vanish at any moment; what is there is what was put there last."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pytest

from murmuration_server.cache.port import Cached, CacheKey, CacheStore, Replacement
from murmuration_server.platform.call import Call
from tests.support.contract_adapters import CACHE_STORES, Adapter, Place
from tests.support.contract_threads import at_once

ADAPTERS = CACHE_STORES

KEY, OTHER = CacheKey(1, "rel.1:1"), CacheKey(2, "rel.1:2")
LONG = 3600.0


def held(store: CacheStore, call: Call, key: CacheKey = KEY) -> Cached | None:
    return store.get_many(call, [key]).get(key)


def value(store: CacheStore, call: Call, key: CacheKey = KEY) -> bytes | None:
    found = held(store, call, key)
    return found and found.value


def token(store: CacheStore, call: Call, key: CacheKey = KEY) -> int:
    found = held(store, call, key)
    assert found is not None
    return found.token


def add(store: CacheStore, call: Call, key: CacheKey, data: bytes, ttl_seconds: float) -> bool:
    return key in store.add_many(call, {key: data}, ttl_seconds)


def cas(store: CacheStore, call: Call, key: CacheKey, data: bytes, given: int, ttl_seconds: float) -> bool:
    return key in store.cas_many(call, {key: Replacement(data, given, ttl_seconds)})


def test_what_is_set_is_there(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    store.set(call, OTHER, b"b", LONG)
    found = store.get_many(call, [KEY, OTHER])
    assert {key: cached.value for key, cached in found.items()} == {KEY: b"a", OTHER: b"b"}
    store.set(call, KEY, b"c", LONG)
    assert value(store, call) == b"c"


def test_what_is_not_there_is_left_out(store: CacheStore, call: Call) -> None:
    assert store.get_many(call, []) == {}
    assert store.get_many(call, [KEY, OTHER]) == {}


@pytest.mark.parametrize("data", [b"", b"\x00", b"\r\nEND\r\n", bytes(range(256)), b"x" * 200_000])
def test_any_bytes_are_kept(store: CacheStore, call: Call, data: bytes) -> None:
    store.set(call, KEY, data, LONG)
    assert value(store, call) == data


def test_add_stores_only_where_nothing_is(store: CacheStore, call: Call) -> None:
    assert add(store, call, KEY, b"a", LONG)
    assert not add(store, call, KEY, b"b", LONG)
    assert value(store, call) == b"a"


def test_one_of_many_adds_at_once_succeeds(store: CacheStore, call: Call) -> None:
    added = at_once([lambda n=n: add(store, call, KEY, b"%d" % n, LONG) for n in range(4)])
    assert sorted(added) == [False, False, False, True]
    assert value(store, call) == b"%d" % added.index(True)


def test_cas_replaces_what_the_token_was_given_for(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    assert cas(store, call, KEY, b"b", token(store, call), LONG)
    assert value(store, call) == b"b"
    assert cas(store, call, KEY, b"c", token(store, call), LONG)
    assert value(store, call) == b"c"


def test_cas_fails_where_nothing_is(store: CacheStore, call: Call) -> None:
    assert not cas(store, call, KEY, b"a", 1, LONG)
    assert value(store, call) is None


def test_cas_fails_where_the_entry_was_replaced(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    old = token(store, call)
    store.set(call, KEY, b"b", LONG)
    assert not cas(store, call, KEY, b"c", old, LONG)
    assert value(store, call) == b"b"


def test_cas_fails_where_the_same_bytes_were_put_again(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    old = token(store, call)
    for data in (b"b", b"a"):
        store.set(call, KEY, data, LONG)
    assert not cas(store, call, KEY, b"c", old, LONG)


def test_cas_fails_where_the_entry_was_deleted(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    old = token(store, call)
    store.delete(call, KEY)
    assert not cas(store, call, KEY, b"b", old, LONG)
    assert value(store, call) is None


def test_cas_fails_where_the_entry_was_deleted_and_added_again(store: CacheStore, call: Call) -> None:
    assert add(store, call, KEY, b"a", LONG)
    old = token(store, call)
    store.delete(call, KEY)
    assert add(store, call, KEY, b"a", LONG)
    assert not cas(store, call, KEY, b"b", old, LONG)
    assert value(store, call) == b"a"


def test_one_of_many_cas_at_once_succeeds(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    old = token(store, call)
    done = at_once([lambda n=n: cas(store, call, KEY, b"%d" % n, old, LONG) for n in range(4)])
    assert sorted(done) == [False, False, False, True]
    assert value(store, call) == b"%d" % done.index(True)


def test_an_entry_ends_with_its_time(store: CacheStore, call: Call, adapter: Adapter, place: Place) -> None:
    store.set(call, KEY, b"a", 1.0)
    store.set(call, OTHER, b"b", LONG)
    adapter.pass_time(place, 1.5)
    assert value(store, call) is None
    assert value(store, call, OTHER) == b"b"
    assert add(store, call, KEY, b"c", LONG)
    assert value(store, call) == b"c"


def test_an_ended_entry_may_be_added_again_unread(
    store: CacheStore, call: Call, adapter: Adapter, place: Place
) -> None:
    if add(store, call, KEY, b"a", 1.0):
        adapter.pass_time(place, 1.5)
        assert add(store, call, KEY, b"b", LONG)


def test_cas_fails_where_the_entry_ended(store: CacheStore, call: Call, adapter: Adapter, place: Place) -> None:
    store.set(call, KEY, b"a", 1.0)
    old = token(store, call)
    adapter.pass_time(place, 1.5)
    assert not cas(store, call, KEY, b"b", old, LONG)


def test_a_set_begins_the_time_anew(store: CacheStore, call: Call, adapter: Adapter, place: Place) -> None:
    store.set(call, KEY, b"a", 1.0)
    assert cas(store, call, KEY, b"b", token(store, call), LONG)
    adapter.pass_time(place, 1.5)
    assert value(store, call) == b"b"


def test_delete_takes_one_entry(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    store.set(call, OTHER, b"b", LONG)
    store.delete(call, KEY)
    assert (value(store, call), value(store, call, OTHER)) == (None, b"b")


def test_deleting_what_is_not_there_is_done_already(store: CacheStore, call: Call) -> None:
    store.delete(call, KEY)
    assert value(store, call) is None


def test_flush_takes_all(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    store.set(call, OTHER, b"b", LONG)
    assert value(store, call) == b"a"
    store.flush(call)
    assert store.get_many(call, [KEY, OTHER]) == {}


def test_prepend_puts_bytes_in_front(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    store.prepend_many(call, {KEY: b"b"})
    store.prepend_many(call, {KEY: b"\r\n"})
    assert value(store, call) == b"\r\nba"


def test_prepend_makes_no_entry(store: CacheStore, call: Call) -> None:
    store.prepend_many(call, {KEY: b"a"})
    assert value(store, call) is None
    store.set(call, OTHER, b"b", LONG)
    store.delete(call, OTHER)
    store.prepend_many(call, {OTHER: b"a"})
    assert value(store, call, OTHER) is None


def test_prepend_leaves_the_entry_its_time(store: CacheStore, call: Call, adapter: Adapter, place: Place) -> None:
    store.set(call, KEY, b"a", 1.0)
    store.prepend_many(call, {KEY: b"b"})
    assert value(store, call) == b"ba"
    adapter.pass_time(place, 1.5)
    store.prepend_many(call, {KEY: b"c"})
    assert value(store, call) is None


def test_cas_fails_where_something_was_prepended(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    old = token(store, call)
    store.prepend_many(call, {KEY: b"b"})
    assert not cas(store, call, KEY, b"c", old, LONG)
    assert value(store, call) == b"ba"


def test_of_many_prepends_at_once_none_is_lost(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"", LONG)
    at_once([lambda n=n: store.prepend_many(call, {KEY: b"%d" % n}) for n in range(4)])
    assert sorted(value(store, call) or b"") == list(b"0123")


def test_many_are_prepended_and_the_others_left(store: CacheStore, call: Call) -> None:
    keys = [CacheKey(number, f"head.1:{number}") for number in range(1200)]
    for key in keys[::3]:
        store.set(call, key, b"a", LONG)
    store.prepend_many(call, {key: b"%d" % key.ring_id for key in keys})
    found = store.get_many(call, keys)
    assert {key: cached.value for key, cached in found.items()} == {key: b"%da" % key.ring_id for key in keys[::3]}


def test_entries_of_many_ids_are_found_in_one_look_up(store: CacheStore, call: Call) -> None:
    keys = [CacheKey(number, f"tweet.1:{number}") for number in range(100)]
    for key in keys[::2]:
        store.set(call, key, key.name.encode(), LONG)
    found = store.get_many(call, keys)
    assert {key: cached.value for key, cached in found.items()} == {key: key.name.encode() for key in keys[::2]}


# Many at once: each key is by itself


def many(count: int) -> list[CacheKey]:
    """Of ids that lie on all nodes."""
    return [CacheKey(number, f"recent.1:{number}") for number in range(1, count + 1)]


def values(store: CacheStore, call: Call, keys: Sequence[CacheKey]) -> dict[CacheKey, bytes]:
    return {key: cached.value for key, cached in store.get_many(call, keys).items()}


def test_of_many_those_are_added_that_are_not_there(store: CacheStore, call: Call) -> None:
    keys = many(1200)
    for key in keys[::3]:
        store.set(call, key, b"old", LONG)
    added = store.add_many(call, {key: b"%d" % key.ring_id for key in keys}, LONG)
    assert added == set(keys) - set(keys[::3])
    assert values(store, call, keys) == {key: b"%d" % key.ring_id for key in keys} | dict.fromkeys(keys[::3], b"old")


def test_of_many_those_are_replaced_that_are_what_the_token_was_given_for(store: CacheStore, call: Call) -> None:
    keys = many(1200)
    store.add_many(call, dict.fromkeys(keys, b"old"), LONG)
    held = store.get_many(call, keys)
    changed, gone, back = keys[0::4], keys[1::4], keys[2::4]
    for key in [*gone, *back]:
        store.delete(call, key)
    for key in [*changed, *back]:
        store.set(call, key, b"other", LONG)
    done = store.cas_many(call, {key: Replacement(b"new", cached.token, LONG) for key, cached in held.items()})
    assert done == set(keys[3::4])
    assert values(store, call, keys) == dict.fromkeys([*changed, *back], b"other") | dict.fromkeys(keys[3::4], b"new")


def test_each_of_many_has_its_own_value_token_and_time(
    store: CacheStore, call: Call, adapter: Adapter, place: Place
) -> None:
    short, long = many(2)
    store.add_many(call, {short: b"", long: b"\r\nEND\r\n"}, LONG)
    held = store.get_many(call, [short, long])
    wanted = {
        short: Replacement(b"\r\nSTORED\r\n", held[short].token, 1.0),
        long: Replacement(b"", held[long].token, LONG),
    }
    assert store.cas_many(call, wanted) == {short, long}
    assert values(store, call, [short, long]) == {key: new.value for key, new in wanted.items()}
    adapter.pass_time(place, 1.5)
    assert values(store, call, [short, long]) == {long: b""}


def test_added_at_once_each_is_added_by_one(store: CacheStore, call: Call) -> None:
    keys = many(50)
    added = at_once([lambda n=n: store.add_many(call, dict.fromkeys(keys, b"%d" % n), LONG) for n in range(4)])
    assert sorted(key for won in added for key in won) == keys
    assert values(store, call, keys) == {key: b"%d" % n for n, won in enumerate(added) for key in won}


def test_replaced_at_once_each_is_replaced_by_one(store: CacheStore, call: Call) -> None:
    keys = many(50)
    store.add_many(call, dict.fromkeys(keys, b"old"), LONG)
    tokens = {key: cached.token for key, cached in store.get_many(call, keys).items()}

    def replace(number: int) -> Collection[CacheKey]:
        return store.cas_many(call, {key: Replacement(b"%d" % number, tokens[key], LONG) for key in keys})

    replaced = at_once([lambda n=n: replace(n) for n in range(4)])
    assert sorted(key for won in replaced for key in won) == keys
    assert values(store, call, keys) == {key: b"%d" % n for n, won in enumerate(replaced) for key in won}


def test_nothing_is_done_about_nothing(store: CacheStore, call: Call) -> None:
    assert not store.add_many(call, {}, LONG)
    assert not store.cas_many(call, {})


def test_many_large_values_are_stored(store: CacheStore, call: Call) -> None:
    keys = many(12)
    large = {key: bytes([key.ring_id]) * 200_000 for key in keys}
    assert store.add_many(call, dict.fromkeys(keys, b""), LONG) == set(keys)
    held = store.get_many(call, keys)
    assert store.cas_many(call, {key: Replacement(large[key], held[key].token, LONG) for key in keys}) == set(keys)
    assert values(store, call, keys) == large
    other = [CacheKey(key.ring_id, f"other.1:{key.ring_id}") for key in keys]
    assert store.add_many(call, {key: large[keys[number]] for number, key in enumerate(other)}, LONG) == set(other)
    assert values(store, call, other) == dict(zip(other, large.values(), strict=True))


def test_what_is_watched_is_unchanged_until_it_is_written(store: CacheStore, call: Call) -> None:
    for change in (
        lambda: store.set(call, KEY, b"a", LONG),
        lambda: store.delete(call, KEY),
        lambda: store.prepend_many(call, {KEY: b"b"}),
        lambda: cas(store, call, KEY, b"a", token(store, call), LONG),
    ):
        store.set(call, KEY, b"a", LONG)
        store.set(call, OTHER, b"a", LONG)
        watched = store.watch({KEY: token(store, call), OTHER: token(store, call, OTHER)})
        assert watched.unchanged(call)
        assert held(store, call) is not None
        assert watched.unchanged(call), "a read changes nothing"
        change()
        assert not watched.unchanged(call)


def test_what_is_watched_changes_where_it_is_put_there_again(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    watched = store.watch({KEY: token(store, call)})
    store.delete(call, KEY)
    assert add(store, call, KEY, b"a", LONG)
    assert not watched.unchanged(call)


def test_what_is_watched_changes_with_its_end(store: CacheStore, call: Call, adapter: Adapter, place: Place) -> None:
    store.set(call, KEY, b"a", 1.0)
    watched = store.watch({KEY: token(store, call)})
    assert watched.unchanged(call)
    adapter.pass_time(place, 2.0)
    assert not watched.unchanged(call)


def test_what_is_watched_changes_with_a_flush(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    watched = store.watch({KEY: token(store, call)})
    store.flush(call)
    assert not watched.unchanged(call)


def test_very_many_entries_are_watched_at_once(store: CacheStore, call: Call) -> None:
    keys = [CacheKey(number, f"tweet.1:{number}") for number in range(2_000)]
    assert store.add_many(call, dict.fromkeys(keys, b"a"), LONG) == set(keys)
    tokens = {key: cached.token for key, cached in store.get_many(call, keys).items()}
    watched = store.watch(tokens)
    assert watched.unchanged(call)
    store.delete(call, keys[-1])
    assert not watched.unchanged(call)


def test_a_token_that_was_never_given_is_not_unchanged(store: CacheStore, call: Call) -> None:
    store.set(call, KEY, b"a", LONG)
    assert not store.watch({KEY: token(store, call) + 1}).unchanged(call)
    assert not store.watch({KEY: token(store, call), OTHER: token(store, call)}).unchanged(call)
