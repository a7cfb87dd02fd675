"""What a GraphStore promises: both directions of every relation, the latest change wins, counts equal the rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.graph.follower_pages import FollowerPage
from murmuration_server.graph.relations import NOT_BACKFILLED, Relations
from murmuration_server.graph.store import AuthorMode, BackfillMark, GraphStore, RelationKind, RelationRow
from murmuration_server.platform.call import Call
from tests.support.contract_adapters import GRAPH_STORES, Adapter, Place
from tests.support.contract_search import SEARCH
from tests.support.contract_threads import at_once
from tests.support.factories import block, follow, mute, outbox_row

ADAPTERS = GRAPH_STORES

BUCKET = 7
MANY = 1000
ME, YOU, HER = 1, 2, 3


def apply(store: GraphStore, call: Call, *rows: RelationRow) -> None:
    store.apply(call, rows, (), BUCKET)


def relations(store: GraphStore, call: Call, user_id: int, most_blocked_by: int = MANY) -> Relations:
    return store.get_relations(call, [user_id], most_blocked_by)[user_id]


def counts(store: GraphStore, call: Call, user_id: int) -> tuple[int, int]:
    return store.counts(call, [user_id])[user_id]


def followers_of(store: GraphStore, call: Call, author_id: int, shard: int, after: int, limit: int) -> list[int]:
    return store.list_followers(call, [FollowerPage(author_id, shard, after, limit)])[0]


def row(store: GraphStore, call: Call, kind: RelationKind, user_id: int = ME, other_id: int = YOU) -> Any:
    return store.get_rows(call, [(kind, user_id, other_id)])[0]


# One change


def test_a_follow_stands_in_both_directions(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10, shard=2))
    assert row(store, call, RelationKind.FOLLOW) == follow(ME, YOU, 10, shard=2)
    assert relations(store, call, ME).following == {YOU: NOT_BACKFILLED}
    assert followers_of(store, call, YOU, 2, 0, MANY) == [ME]
    assert (counts(store, call, ME), counts(store, call, YOU)) == ((0, 1), (1, 0))


def test_a_block_stands_in_both_directions(store: GraphStore, call: Call) -> None:
    apply(store, call, block(ME, YOU, 10))
    assert row(store, call, RelationKind.BLOCK) == block(ME, YOU, 10)
    assert relations(store, call, ME).blocking == {YOU}
    assert relations(store, call, YOU).blocked_by == {ME}
    assert store.blocking(call, YOU, [HER, ME]) == [ME]
    assert store.blocking(call, ME, [YOU]) == []


def test_a_mute_is_known_to_its_maker_only(store: GraphStore, call: Call) -> None:
    apply(store, call, mute(ME, YOU, 10))
    assert row(store, call, RelationKind.MUTE) == mute(ME, YOU, 10)
    assert relations(store, call, ME) == Relations({}, frozenset(), frozenset({YOU}), frozenset(), frozenset())
    assert relations(store, call, YOU) == Relations({}, frozenset(), frozenset(), frozenset(), frozenset())


def test_kinds_do_not_disturb_one_another(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10), block(ME, YOU, 5), mute(ME, YOU, 7), follow(YOU, ME, 3))
    apply(store, call, block(ME, YOU, 6, False))
    found = relations(store, call, ME)
    assert (set(found.following), found.blocking, found.muted) == ({YOU}, frozenset(), {YOU})
    assert counts(store, call, ME) == (1, 1)


def test_reposts_may_be_hidden_and_shown(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10, hide_reposts=True))
    assert relations(store, call, ME).reposts_hidden == {YOU}
    apply(store, call, follow(ME, YOU, 11, hide_reposts=False))
    assert relations(store, call, ME).reposts_hidden == frozenset()
    assert counts(store, call, YOU) == (1, 0)


def test_nothing_is_known_of_strangers(store: GraphStore, call: Call) -> None:
    assert relations(store, call, ME) == Relations({}, frozenset(), frozenset(), frozenset(), frozenset())
    assert store.get_rows(call, [(kind, ME, YOU) for kind in RelationKind]) == [None] * 3
    assert store.get_rows(call, []) == []
    assert store.counts(call, [ME, YOU]) == {ME: (0, 0), YOU: (0, 0)}
    assert store.list_page(call, ME, True, 0, MANY) == []


# Versions


@pytest.mark.parametrize("make", [follow, block, mute])
def test_an_ended_row_keeps_its_version(store: GraphStore, call: Call, make: Callable[..., RelationRow]) -> None:
    apply(store, call, make(ME, YOU, 10))
    apply(store, call, make(ME, YOU, 20, False))
    assert row(store, call, make(ME, YOU, 0).kind) == make(ME, YOU, 20, False)


@pytest.mark.parametrize("make", [follow, block, mute])
def test_a_late_change_changes_nothing(store: GraphStore, call: Call, make: Callable[..., RelationRow]) -> None:
    apply(store, call, make(ME, YOU, 20, False))
    apply(store, call, make(ME, YOU, 10))
    assert row(store, call, make(ME, YOU, 0).kind) == make(ME, YOU, 20, False)
    assert_nobody(store, call)


@pytest.mark.parametrize("make", [follow, block, mute])
@pytest.mark.parametrize("first", [True, False])
def test_of_two_changes_at_one_version_the_removal_wins(
    store: GraphStore, call: Call, make: Callable[..., RelationRow], first: bool
) -> None:
    for standing in (first, not first):
        apply(store, call, make(ME, YOU, 10, standing))
    assert row(store, call, make(ME, YOU, 0).kind) == make(ME, YOU, 10, False)
    assert_nobody(store, call)


def assert_nobody(store: GraphStore, call: Call) -> None:
    """Nothing stands between the two, seen from either side."""
    nobody = Relations({}, frozenset(), frozenset(), frozenset(), frozenset())
    assert store.get_relations(call, [ME, YOU], MANY) == {ME: nobody, YOU: nobody}
    assert store.counts(call, [ME, YOU]) == {ME: (0, 0), YOU: (0, 0)}
    assert followers_of(store, call, YOU, 0, 0, MANY) == []
    assert store.blocking(call, YOU, [ME]) == []


@pytest.mark.parametrize("first", [True, False])
def test_two_follows_at_one_version_end_alike_in_any_order(store: GraphStore, call: Call, first: bool) -> None:
    for hides in (first, not first):
        apply(store, call, follow(ME, YOU, 10, hide_reposts=hides))
    assert relations(store, call, ME).reposts_hidden == {YOU}


_USERS = (1, 2, 3)
_PAIRS = [(user, other) for user in _USERS for other in _USERS if user != other]


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[list[RelationRow]], list[list[RelationRow]]]:
    """The same changes twice: in two orders, doubled here and there, and cut into writes anyhow."""
    changes = draw(
        st.lists(
            st.tuples(st.sampled_from(RelationKind), st.sampled_from(_PAIRS), st.integers(1, 4), st.booleans()),
            min_size=1,
            max_size=10,
        )
    )
    rows = [
        RelationRow(kind, *pair, version, standing, kind is RelationKind.FOLLOW and version == 2, _shard(kind, pair))
        for kind, pair, version, standing in changes
    ]
    orders = []
    for _ in range(2):
        doubled = rows + draw(st.lists(st.sampled_from(rows), max_size=4))
        order = draw(st.permutations(doubled))
        cut = draw(st.integers(1, 4))
        orders.append([order[start : start + cut] for start in range(0, len(order), cut)])
    return orders[0], orders[1]


def _shard(kind: RelationKind, pair: tuple[int, int]) -> int:
    return pair[0] % 2 if kind is RelationKind.FOLLOW else 0


_bases = itertools.count(10, 10)


@settings(SEARCH, max_examples=60)
@given(histories=_histories())
def test_any_order_and_any_repetition_end_alike(
    store: GraphStore, call: Call, histories: tuple[list[list[RelationRow]], list[list[RelationRow]]]
) -> None:
    for history in histories:
        base = next(_bases)
        for rows in history:
            apply(store, call, *(_moved(found, base) for found in rows))
        winners = _winners(itertools.chain.from_iterable(history))
        assert _state(store, call, base) == _expected(winners)


def _moved(found: RelationRow, base: int) -> RelationRow:
    return found._replace(user_id=found.user_id + base, other_id=found.other_id + base)


def _winners(rows: Iterable[RelationRow]) -> list[RelationRow]:
    best: dict[tuple[RelationKind, int, int], RelationRow] = {}
    for found in rows:
        key = found.kind, found.user_id, found.other_id
        if key not in best or (found.version, not found.standing) > (best[key].version, not best[key].standing):
            best[key] = found
    return list(best.values())


def _state(store: GraphStore, call: Call, base: int) -> dict[int, Any]:
    """All that the port tells of each user, as numbers without the base."""

    def plain(ids: Iterable[int]) -> list[int]:
        return sorted(id_ - base for id_ in ids)

    state = {}
    keys = [(kind, user, other) for kind in RelationKind for user, other in _PAIRS]
    held = store.get_rows(call, [(kind, user + base, other + base) for kind, user, other in keys])
    for user in _USERS:
        found = relations(store, call, user + base)
        state[user] = {
            "rows": [_moved(found, -base) for found in held if found and found.user_id == user + base],
            "following": plain(found.following),
            "hidden": plain(found.reposts_hidden),
            "muted": plain(found.muted),
            "blocking": plain(found.blocking),
            "blocked by": plain(found.blocked_by),
            "followers": [plain(followers_of(store, call, user + base, shard, 0, MANY)) for shard in (0, 1)],
            "pages": [plain(store.list_page(call, user + base, which, 0, MANY)) for which in (True, False)],
            "counts": counts(store, call, user + base),
        }
    return state


def _expected(winners: list[RelationRow]) -> dict[int, Any]:
    keys = [(kind, user, other) for kind in RelationKind for user, other in _PAIRS]
    by_key = {(found.kind, found.user_id, found.other_id): found for found in winners}
    state = {}
    for user in _USERS:
        mine = [by_key[key] for key in keys if key in by_key and key[1] == user]
        standing = [found for found in mine if found.standing]
        towards = [found for found in winners if found.other_id == user and found.standing]
        followers = [found for found in towards if found.kind is RelationKind.FOLLOW]
        following = sorted(found.other_id for found in standing if found.kind is RelationKind.FOLLOW)
        state[user] = {
            "rows": mine,
            "following": following,
            "hidden": sorted(found.other_id for found in standing if found.hide_reposts),
            "muted": sorted(found.other_id for found in standing if found.kind is RelationKind.MUTE),
            "blocking": sorted(found.other_id for found in standing if found.kind is RelationKind.BLOCK),
            "blocked by": sorted(found.user_id for found in towards if found.kind is RelationKind.BLOCK),
            "followers": [sorted(found.user_id for found in followers if found.shard == shard) for shard in (0, 1)],
            "pages": [sorted(found.user_id for found in followers), following],
            "counts": (len(followers), len(following)),
        }
    return state


def test_changes_at_once_leave_counts_that_equal_the_rows(store: GraphStore, call: Call) -> None:
    def change(worker: int) -> None:
        for version in range(1, 6):
            apply(store, call, follow(ME, YOU, 10 * version + worker, version % 2 == worker % 2))
            apply(store, call, follow(10 + worker, YOU, version))

    at_once([lambda n=n: change(n) for n in range(4)])
    held = row(store, call, RelationKind.FOLLOW)
    assert held.version == 53
    followers = followers_of(store, call, YOU, 0, 0, MANY)
    assert followers == ([ME] if held.standing else []) + [10, 11, 12, 13]
    assert counts(store, call, YOU) == (len(followers), 0)
    assert counts(store, call, ME) == (0, int(held.standing))


# Atomic, durable, mended


def test_rows_and_events_are_written_together_or_not_at_all(store: GraphStore, call: Call) -> None:
    store.apply(call, [follow(ME, YOU, 10)], [outbox_row(1)], BUCKET)
    with pytest.raises(Exception):  # noqa: B017 - each adapter has its own
        store.apply(call, [follow(ME, HER, 10), block(ME, YOU, 9)], [OutboxRow(2, "t", 1, 2**70, b"")], BUCKET)
    assert [found.event_id for _, found in store.read_outbox(call, BUCKET, 0, 10)] == [1]
    assert set(relations(store, call, ME).following) == {YOU}
    assert relations(store, call, ME).blocking == frozenset()
    assert counts(store, call, HER) == (0, 0)


def test_a_change_that_loses_has_its_event_all_the_same(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 20))
    store.apply(call, [follow(ME, YOU, 10, False)], [outbox_row(1)], BUCKET)
    assert len(store.read_outbox(call, BUCKET, 0, 10)) == 1


def test_a_pair_written_in_halves_is_mended(store: GraphStore, call: Call, adapter: Adapter, place: Place) -> None:
    rows = [follow(ME, YOU, 10, shard=1), block(ME, YOU, 11)]
    apply(store, call, *rows)
    adapter.damage["lose_follower_row"](place, ME, YOU)
    adapter.damage["lose_blocked_by_row"](place, ME, YOU)
    assert followers_of(store, call, YOU, 1, 0, MANY) == []
    apply(store, call, *rows)
    assert followers_of(store, call, YOU, 1, 0, MANY) == [ME]
    assert relations(store, call, YOU).blocked_by == {ME}
    assert (counts(store, call, ME), counts(store, call, YOU)) == ((0, 1), (1, 0))


def test_what_is_lacking_is_found_and_nothing_is_changed(
    store: GraphStore, call: Call, adapter: Adapter, place: Place
) -> None:
    rows = [follow(ME, YOU, 10, shard=1), block(ME, YOU, 11), mute(ME, YOU, 12)]
    assert store.lacking(call, rows) == rows
    apply(store, call, *rows)
    assert store.lacking(call, rows) == []
    newer, older = follow(ME, YOU, 20, False, shard=1), mute(ME, YOU, 1, False)
    assert store.lacking(call, [newer, older]) == [newer]
    adapter.damage["lose_follower_row"](place, ME, YOU)
    assert store.lacking(call, rows) == rows[:1]
    adapter.damage["lose_blocked_by_row"](place, ME, YOU)
    assert store.lacking(call, rows) == rows[:2]
    assert followers_of(store, call, YOU, 1, 0, MANY) == []
    assert store.lacking(call, []) == []


def test_relations_outlive_the_store(open_store: Callable[[], Any], call: Call) -> None:
    store = open_store()
    apply(store, call, follow(ME, YOU, 10, shard=1), block(HER, ME, 5), mute(ME, HER, 6), follow(YOU, ME, 7, False))
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 77)])
    store.set_mode(call, YOU, 2, True)
    store.close()
    again = open_store()
    found = relations(again, call, ME)
    assert (found.following, found.blocked_by, found.muted) == ({YOU: 77}, {HER}, {HER})
    assert row(again, call, RelationKind.FOLLOW, YOU, ME) == follow(YOU, ME, 7, False)
    assert again.author_modes(call, [YOU]) == [AuthorMode(YOU, 2, True, 1, 2)]


def test_another_process_reads_it(store: GraphStore, open_reader: Callable[[], GraphStore], call: Call) -> None:
    reader = open_reader()
    apply(store, call, follow(ME, YOU, 10))
    assert relations(reader, call, ME).following == {YOU: NOT_BACKFILLED}


# Many at once


def test_many_follows_at_once_stand_in_both_directions(store: GraphStore, call: Call) -> None:
    """Of several followers, into several shards, at several versions, and one that ends what another began."""
    rows = [
        follow(user, other, 10 + user % 3, shard=other % 2, hide_reposts=other == 23)
        for user in range(11, 15)
        for other in (21, 23, 25, 22, 24)
    ]
    ended = follow(11, 21, 50, False, shard=1)
    apply(store, call, *rows, ended)
    held = store.get_rows(call, [(found.kind, found.user_id, found.other_id) for found in rows])
    assert held == [ended, *rows[1:]]
    assert [counts(store, call, user) for user in range(11, 15)] == [(0, 4), (0, 5), (0, 5), (0, 5)]
    for other in range(21, 26):
        followers = [user for user in range(11, 15) if (user, other) != (11, 21)]
        assert followers_of(store, call, other, other % 2, 0, MANY) == followers
        assert counts(store, call, other) == (len(followers), 0)
    assert relations(store, call, 12).reposts_hidden == {23}
    assert store.lacking(call, [*rows, ended]) == []
    assert store.lacking(call, [*rows[:3], follow(30, 31, 1), *rows[3:]]) == [follow(30, 31, 1)]
    store.mark_backfilled(call, [BackfillMark(12, 21, rows[5].version, 7)])
    assert store.awaiting_backfill(call, [*rows, ended]) == [place for place in range(1, len(rows)) if place != 5]


# Shards and pages


def test_a_row_never_moves(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10, shard=0))
    for version, standing in ((11, True), (12, False), (13, True)):
        apply(store, call, follow(ME, YOU, version, standing, shard=1))
        expected = [ME] if standing else []
        assert followers_of(store, call, YOU, 0, 0, MANY) == expected
        assert followers_of(store, call, YOU, 1, 0, MANY) == []
        assert row(store, call, RelationKind.FOLLOW).shard == 0


def test_all_shards_are_counted(store: GraphStore, call: Call) -> None:
    assert store.author_modes(call, [YOU])[0].shards == 1
    apply(store, call, follow(10, YOU, 1, shard=2), follow(11, YOU, 1))
    assert store.author_modes(call, [YOU])[0].shards == 3
    apply(store, call, follow(10, YOU, 2, False, shard=2), follow(12, YOU, 1, shard=1))
    assert store.author_modes(call, [YOU])[0].shards == 3


def test_followers_of_a_shard_come_in_pages(store: GraphStore, call: Call) -> None:
    apply(store, call, *(follow(n, YOU, 1, shard=n % 2) for n in (15, 11, 14, 13)), follow(17, YOU, 1, False, shard=1))
    assert followers_of(store, call, YOU, 1, 0, 2) == [11, 13]
    assert followers_of(store, call, YOU, 1, 13, 2) == [15]
    assert followers_of(store, call, YOU, 1, 15, 2) == []


def test_many_pages_are_answered_in_the_order_asked_for(store: GraphStore, call: Call) -> None:
    """Of several authors and shards, one of them twice, and one of which there is nothing."""
    apply(store, call, *(follow(n, YOU, 1, shard=n % 2) for n in (12, 13, 14, 15, 17)), follow(20, HER, 1))
    pages = [
        FollowerPage(HER, 0, 0, 3),
        FollowerPage(YOU, 1, 0, 1),
        FollowerPage(ME, 0, 0, 2),
        FollowerPage(YOU, 0, 12, 2),
        FollowerPage(YOU, 1, 13, 2),
        FollowerPage(YOU, 1, 0, 3),
    ]
    assert store.list_followers(call, pages) == [[20], [13], [], [14], [15, 17], [13, 15, 17]]
    assert store.list_followers(call, []) == []


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_go_over_all_shards_in_order(store: GraphStore, call: Call, limit: int) -> None:
    apply(store, call, *(follow(n, YOU, 1, shard=n % 3) for n in (16, 10, 13, 11, 12)))
    apply(store, call, *(follow(YOU, n, 1) for n in (16, 10, 13, 11, 12)), follow(12, YOU, 2, False, shard=0))
    for of_followers, expected in ((True, [10, 11, 13, 16]), (False, [10, 11, 12, 13, 16])):
        walked, after = [], 0
        while page := store.list_page(call, YOU, of_followers, after, limit):
            assert len(page) <= limit
            walked += page
            after = page[-1]
        assert walked == expected


# Backfill marks


def test_a_mark_says_how_deep_the_home_goes(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10), follow(ME, HER, 10))
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 77)])
    assert relations(store, call, ME).following == {YOU: 77, HER: NOT_BACKFILLED}
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 99), BackfillMark(ME, HER, 10, 5)])
    assert relations(store, call, ME).following == {YOU: 77, HER: 5}, "a later mark makes it no shallower"
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 0)])
    assert relations(store, call, ME).following[YOU] == 0


@pytest.mark.parametrize("version", [9, 11])
def test_a_mark_counts_for_its_follow_only(store: GraphStore, call: Call, version: int) -> None:
    apply(store, call, follow(ME, YOU, 10))
    store.mark_backfilled(call, [BackfillMark(ME, YOU, version, 77), BackfillMark(YOU, ME, 10, 77)])
    assert relations(store, call, ME).following == {YOU: NOT_BACKFILLED}


def test_a_mark_does_not_outlive_its_follow(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10))
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 77)])
    apply(store, call, follow(ME, YOU, 11, False))
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 11, 77)])
    apply(store, call, follow(ME, YOU, 12))
    assert relations(store, call, ME).following == {YOU: NOT_BACKFILLED}


def test_a_follow_that_stands_on_keeps_its_mark(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10))
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 77)])
    apply(store, call, follow(ME, YOU, 11, hide_reposts=True))
    assert relations(store, call, ME).following == {YOU: 77}


def test_the_same_follow_again_keeps_its_mark(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 10))
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 77)])
    apply(store, call, follow(ME, YOU, 10))
    assert relations(store, call, ME).following == {YOU: 77}


def test_follows_without_a_mark_await_their_backfill(store: GraphStore, call: Call) -> None:
    rows = [mute(ME, YOU, 10), follow(ME, YOU, 10), follow(ME, HER, 10), follow(YOU, ME, 10, False)]
    assert store.awaiting_backfill(call, rows) == []
    apply(store, call, *rows)
    assert store.awaiting_backfill(call, rows) == [1, 2]
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 77)])
    assert store.awaiting_backfill(call, rows) == [2]
    apply(store, call, follow(ME, HER, 11, hide_reposts=True))
    assert store.awaiting_backfill(call, rows) == [], "a later change of it has an event of its own"
    assert store.awaiting_backfill(call, [follow(ME, HER, 11), follow(ME, YOU, 10)]) == [0]


# Blocked by very many


def test_an_entry_says_whether_all_who_block_are_in_it(store: GraphStore, call: Call) -> None:
    apply(store, call, block(YOU, ME, 1))
    assert relations(store, call, ME, 1).blocked_by_complete
    apply(store, call, block(HER, ME, 1))
    found = relations(store, call, ME, 1)
    assert (len(found.blocked_by), found.blocked_by_complete) == (1, False)
    assert sorted(store.blocking(call, ME, [YOU, HER, 99])) == [YOU, HER]
    apply(store, call, block(YOU, ME, 2, False))
    assert relations(store, call, ME, 1).blocked_by == {HER}
    assert relations(store, call, ME, 1).blocked_by_complete
    assert store.blocking(call, ME, [YOU, HER]) == [HER]
    assert store.blocking(call, ME, []) == []


# Modes


def test_modes_are_for_each_of_the_authors(store: GraphStore, call: Call) -> None:
    apply(store, call, follow(ME, YOU, 1))
    store.set_mode(call, HER, 2, True)
    assert store.author_modes(call, [HER, ME, YOU]) == [
        AuthorMode(HER, 2, True, 0, 1),
        AuthorMode(ME, 1, False, 0, 1),
        AuthorMode(YOU, 1, False, 1, 1),
    ]
    store.set_mode(call, HER, 1, False)
    assert store.author_modes(call, [HER]) == [AuthorMode(HER, 1, False, 0, 1)]


def followed_by(store: GraphStore, call: Call, author_id: int, followers: int) -> None:
    apply(store, call, *(follow(100 + n, author_id, 1) for n in range(followers)))


def test_authors_beyond_the_lines_are_to_be_reviewed(store: GraphStore, call: Call) -> None:
    for author_id, followers, mode in ((1, 2, 1), (2, 3, 1), (3, 3, 2), (4, 1, 2), (5, 0, 2), (6, 2, 2)):
        followed_by(store, call, author_id, followers)
        store.set_mode(call, author_id, mode, False)
    followed_by(store, call, 7, 3)
    found = {(author.author_id, author.mode, author.followers) for author in store.modes_to_review(call, 2, 2, MANY)}
    assert found == {(2, 1, 3), (7, 1, 3), (4, 2, 1), (5, 2, 0)}
    assert len(store.modes_to_review(call, 2, 2, 1)) == 1


def test_pinned_authors_are_not_to_be_reviewed(store: GraphStore, call: Call) -> None:
    followed_by(store, call, 1, 3)
    store.set_mode(call, 1, 1, True)
    store.set_mode(call, 2, 2, True)
    assert store.modes_to_review(call, 2, 2, MANY) == []
