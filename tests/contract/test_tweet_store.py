"""What a TweetStore promises: a post with all of its rows and its event, or none; a deleted post's marker for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS
from murmuration_server.tweets.candidate import Candidate, Mode, TweetKind
from murmuration_server.tweets.entries import Counts
from murmuration_server.tweets.record import TweetRecord, marker
from murmuration_server.tweets.store import ListRange, TweetStore
from tests.support.contract_adapters import TWEET_STORES, Adapter, Place
from tests.support.contract_clock import START_MS
from tests.support.contract_search import SEARCH
from tests.support.contract_threads import at_once
from tests.support.factories import claim, id_at, outbox_row, post, reply, repost

ADAPTERS = TWEET_STORES

BUCKET = 7


def create(store: TweetStore, call: Call, record: TweetRecord) -> int:
    tweet_id = record.candidate.tweet_id
    return store.create(call, record, [outbox_row(tweet_id)], BUCKET)


def delete(store: TweetStore, call: Call, tweet_id: int) -> bool:
    return store.delete(call, tweet_id, START_MS, [outbox_row(-tweet_id)], BUCKET)


def events(store: TweetStore, call: Call) -> list[int]:
    """Each once: an event may be there again."""
    return list(dict.fromkeys(row.event_id for _, row in store.read_outbox(call, BUCKET, 0, 1000)))


def listed(
    store: TweetStore, call: Call, author_id: int = 1, before_id: int = 0, from_id: int = 0, limit: int = 1000
) -> list[Candidate]:
    [found] = store.list_recent(call, [ListRange(author_id, before_id, from_id)], limit)
    return found


def recent(store: TweetStore, call: Call, author_id: int = 1) -> list[int]:
    return [candidate.tweet_id for candidate in listed(store, call, author_id)]


def pulled(store: TweetStore, call: Call, from_id: int = 0, before_id: int = 0, limit: int = 1000) -> list[int]:
    return [candidate.tweet_id for candidate in store.list_pull(call, from_id, before_id, limit)]


# Creating


def test_a_post_comes_back_as_it_was_stored(store: TweetStore, call: Call) -> None:
    tweet_id = id_at(START_MS, worker=1023, sequence=4095)
    record = post(tweet_id, author_id=2**61, mode=Mode.PULL, text="héllo \U0001f426")._replace(mentioned=(3, 2**60))
    assert create(store, call, record) == tweet_id
    assert store.get_many(call, [tweet_id]) == {tweet_id: record}
    assert listed(store, call, 2**61) == [record.candidate]
    assert store.list_pull(call, 0, 0, 10) == [record.candidate]


def test_what_does_not_exist_is_left_out(store: TweetStore, call: Call) -> None:
    create(store, call, post(10))
    assert set(store.get_many(call, [10, 11])) == {10}
    assert store.get_many(call, []) == {}
    assert store.repost_of(call, 1, []) == {}
    assert store.counts(call, []) == {}


def test_creating_again_changes_nothing(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    for _ in range(2):
        assert create(store, call, reply(11, original, author_id=2)) == 11
        assert create(store, call, original) == 10
    assert store.counts(call, [10]) == {10: Counts(1, 0)}
    assert events(store, call) == [10, 11]
    assert recent(store, call, 2) == [11]


def test_a_create_that_fails_leaves_nothing(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    impossible = OutboxRow(1, "tweets", 1, 2**70, b"")
    for record in (reply(11, original), repost(12, original)):
        with pytest.raises(Exception):  # noqa: B017 - each adapter has its own
            store.create(call, record, [outbox_row(1), impossible], BUCKET)
    assert store.get_many(call, [11, 12]) == {}
    assert recent(store, call) == [10]
    assert store.counts(call, [10]) == {10: Counts(0, 0)}
    assert store.repost_of(call, 1, [10]) == {}
    assert events(store, call) == [10]


def test_the_same_post_at_once_is_stored_once(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    assert at_once([lambda: create(store, call, reply(11, original))] * 4) == [11] * 4
    assert store.counts(call, [10]) == {10: Counts(1, 0)}
    assert events(store, call) == [10, 11]


# Request ids


def test_a_claim_is_taken_once(store: TweetStore, call: Call) -> None:
    first = claim("a", 10)
    assert store.claim(call, first, 0) == first
    assert store.claim(call, claim("a", 11, START_MS + 5), 0) == first
    assert store.claim(call, first, 0) == first


@pytest.mark.parametrize("other", [{"actor_id": 2}, {"method": "CreateRepost"}, {"request_id": "b"}])
def test_claims_of_others_do_not_disturb(store: TweetStore, call: Call, other: dict[str, Any]) -> None:
    store.claim(call, claim("a", 10), 0)
    mine = replace(claim("a", 11), **other)
    assert store.claim(call, mine, 0) == mine


def test_a_claim_answers_digest_and_mode_of_the_first(store: TweetStore, call: Call) -> None:
    first = replace(claim("a", 10), digest=b"\x00first", mode=int(Mode.PULL))
    store.claim(call, first, 0)
    assert store.claim(call, claim("a", 11), 0) == first


def test_one_of_many_claims_at_once_succeeds(store: TweetStore, call: Call) -> None:
    answers = at_once([lambda n=n: store.claim(call, claim("a", n), 0) for n in range(10, 14)])
    assert len(set(answers)) == 1


def test_an_expired_claim_is_taken_over(store: TweetStore, call: Call) -> None:
    first, second = claim("a", 10), claim("a", 11, START_MS + 1)
    store.claim(call, first, 0)
    assert store.claim(call, second, START_MS) == first, "it expires below the bound"
    assert store.claim(call, second, START_MS + 1) == second
    assert store.claim(call, claim("a", 12, START_MS + 2), START_MS + 1) == second


def test_forgotten_claims_are_free(store: TweetStore, call: Call) -> None:
    old, young = claim("old", 10, START_MS), claim("young", 11, START_MS + 1)
    for made in (old, young):
        store.claim(call, made, 0)
    store.forget_claims(call, START_MS + 1)
    assert store.claim(call, claim("old", 20, START_MS + 2), 0).tweet_id == 20
    assert store.claim(call, claim("young", 21, START_MS + 2), 0) == young


# Deleting


def test_a_deleted_post_leaves_its_marker(store: TweetStore, call: Call) -> None:
    record = post(10, mode=Mode.PULL)
    create(store, call, record)
    assert delete(store, call, 10)
    assert store.get_many(call, [10]) == {10: marker(record)}
    assert (recent(store, call), pulled(store, call)) == ([], [])
    assert events(store, call) == [10, -10]


def test_deleting_again_answers_so_and_writes_nothing(store: TweetStore, call: Call) -> None:
    create(store, call, post(10))
    assert [delete(store, call, 10), delete(store, call, 10), delete(store, call, 11)] == [True, False, False]
    assert events(store, call) == [10, -10]


def test_many_deletes_at_once_count_once(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    create(store, call, reply(11, original))
    assert True in at_once([lambda: delete(store, call, 11)] * 3)
    assert store.counts(call, [10]) == {10: Counts(0, 0)}


def test_a_delete_that_fails_leaves_all(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    create(store, call, reply(11, original))
    with pytest.raises(Exception):  # noqa: B017 - each adapter has its own
        store.delete(call, 11, START_MS, [OutboxRow(1, "tweets", 1, 2**70, b"")], BUCKET)
    assert not store.get_many(call, [11])[11].deleted
    assert recent(store, call) == [11, 10]
    assert store.counts(call, [10]) == {10: Counts(1, 0)}


def test_creating_what_is_deleted_does_not_bring_it_back(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    for record in (reply(11, original), post(12, mode=Mode.PULL)):
        create(store, call, record)
        delete(store, call, record.candidate.tweet_id)
        create(store, call, record)
    assert all(record.deleted for record in store.get_many(call, [11, 12]).values())
    assert (recent(store, call), pulled(store, call)) == ([10], [])
    assert store.counts(call, [10]) == {10: Counts(0, 0)}


# Reposts


def test_one_has_one_repost_of_a_post(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    assert create(store, call, repost(11, original, author_id=2)) == 11
    assert create(store, call, repost(12, original, author_id=2)) == 11
    assert create(store, call, repost(13, original, author_id=3)) == 13
    assert store.repost_of(call, 2, [10, 99]) == {10: 11}
    assert store.counts(call, [10]) == {10: Counts(0, 2)}
    assert set(store.get_many(call, [11, 12, 13])) == {11, 13}
    assert recent(store, call, 2) == [11]
    assert events(store, call) == [10, 11, 13]


def test_one_of_many_reposts_at_once_stands(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    answers = set(at_once([lambda n=n: create(store, call, repost(n, original, author_id=2)) for n in range(11, 15)]))
    assert len(answers) == 1
    assert store.repost_of(call, 2, [10]) == {10: answers.pop()}
    assert store.counts(call, [10]) == {10: Counts(0, 1)}


def test_a_deleted_repost_may_be_made_again(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    create(store, call, repost(11, original, author_id=2))
    assert delete(store, call, 11)
    assert store.repost_of(call, 2, [10]) == {}
    assert store.counts(call, [10]) == {10: Counts(0, 0)}
    assert create(store, call, repost(12, original, author_id=2)) == 12
    assert store.counts(call, [10]) == {10: Counts(0, 1)}


# Lists


def test_recent_lists_are_newest_first_and_within_bounds(store: TweetStore, call: Call) -> None:
    for tweet_id in (12, 10, 13, 11):
        create(store, call, post(tweet_id))
    create(store, call, post(20, author_id=2))

    def found(before_id: int, from_id: int, limit: int) -> list[int]:
        return [candidate.tweet_id for candidate in listed(store, call, 1, before_id, from_id, limit)]

    assert found(0, 0, 10) == [13, 12, 11, 10]
    assert found(0, 0, 2) == [13, 12]
    assert found(13, 11, 10) == [12, 11]
    assert found(12, 0, 1) == [11]
    assert found(10, 0, 10) == []
    assert found(0, 14, 10) == []


def test_recent_lists_of_many_authors_are_each_within_its_own_bounds(store: TweetStore, call: Call) -> None:
    """Some of their posts are years apart, so that the lists are cut at different places, or begin deeper."""
    year = 400 * DAY_MS
    moments = {1: [0, 1, 2], 2: [0], 3: [2], 4: []}
    ids = {author: [id_at(START_MS - ago * year, worker=author) for ago in agos] for author, agos in moments.items()}
    for author, of_author in ids.items():
        for tweet_id in of_author:
            create(store, call, post(tweet_id, author_id=author))

    def found(limit: int, *ranges: tuple[int, int, int]) -> list[list[int]]:
        lists = store.list_recent(call, [ListRange(*wanted) for wanted in ranges], limit)
        return [[candidate.tweet_id for candidate in of_author] for of_author in lists]

    assert found(10, *((author, 0, 0) for author in (4, 3, 2, 1))) == [ids[4], ids[3], ids[2], ids[1]]
    assert found(2, (1, 0, 0), (2, 0, 0)) == [ids[1][:2], ids[2]]
    assert found(10, (1, ids[1][0], 0), (1, 0, ids[1][1]), (3, ids[3][0], 0)) == [ids[1][1:], ids[1][:2], []]
    assert found(1, (1, ids[1][1], 0), (2, 0, ids[2][0] + 1), (3, 0, 0)) == [ids[1][2:], [], ids[3]]
    assert found(10, (1, ids[1][1], ids[1][0])) == [[]]
    assert found(10) == []


def test_pull_lists_are_in_order_of_all_authors_and_within_bounds(store: TweetStore, call: Call) -> None:
    for tweet_id, author_id, mode in (
        (13, 1, Mode.PULL),
        (10, 2, Mode.PULL),
        (12, 1, Mode.PUSH),
        (11, 3, Mode.PULL),
        (14, 2, Mode.PUSH),
    ):
        create(store, call, post(tweet_id, author_id, mode))
    assert pulled(store, call) == [10, 11, 13]
    assert pulled(store, call, 11, 13) == [11]
    assert pulled(store, call, 11, 0, limit=1) == [11]
    assert pulled(store, call, 14) == []
    assert store.list_pull(call, 10, 11, 1)[0].mode is Mode.PULL


# Counts


def test_counts_are_for_each_of_the_ids(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    create(store, call, reply(11, original))
    create(store, call, repost(12, original))
    assert store.counts(call, [99, 10]) == {99: Counts(0, 0), 10: Counts(1, 1)}


def test_a_reply_to_what_is_gone_counts_too(store: TweetStore, call: Call) -> None:
    original = post(10)
    create(store, call, original)
    delete(store, call, 10)
    create(store, call, reply(11, original))
    assert store.counts(call, [10]) == {10: Counts(1, 0)}
    delete(store, call, 11)
    assert store.counts(call, [10]) == {10: Counts(0, 0)}


_AUTHORS = st.integers(1, 3)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reply"), st.integers(0, 9), _AUTHORS),
        st.tuples(st.just("repost"), st.integers(0, 9), _AUTHORS),
        st.tuples(st.just("delete"), st.integers(0, 9), _AUTHORS),
    ),
    max_size=15,
)
_examples = iter(range(1_000_000, 10**9, 1000))


@settings(SEARCH, max_examples=25)
@given(steps=_STEPS)
def test_counts_equal_the_rows(store: TweetStore, call: Call, steps: list[tuple[str, int, int]]) -> None:
    base = next(_examples)
    records = [post(base)]
    create(store, call, records[0])
    for number, (step, which, author_id) in enumerate(steps, start=1):
        subject = records[which % len(records)]
        if step == "delete":
            delete(store, call, subject.candidate.tweet_id)
            continue
        made = (reply if step == "reply" else repost)(base + number, subject, author_id)
        create(store, call, made)
        records.append(made)
    ids = [record.candidate.tweet_id for record in records]
    stored = store.get_many(call, ids)
    standing = [record.candidate for record in stored.values() if not record.deleted]

    def about(tweet_id: int, kind: TweetKind) -> int:
        return sum(found.subject_id == tweet_id and found.kind is kind for found in standing)

    expected = {id_: Counts(about(id_, TweetKind.REPLY), about(id_, TweetKind.REPOST)) for id_ in ids}
    assert store.counts(call, ids) == expected
    lists = store.list_recent(call, [ListRange(author, 0, base) for author in (1, 2, 3)], 1000)
    assert sorted(found for of_author in lists for found in of_author) == sorted(standing)


# Repair


@pytest.fixture
def lose_row(adapter: Adapter, place: Place) -> Callable[[int], None]:
    """Takes a post's row out of its author's list, as a writer does that died half-way."""
    return lambda tweet_id: adapter.damage["lose_list_row"](place, tweet_id)


def candidate_of(record: TweetRecord) -> Candidate:
    return record.candidate


def test_restore_writes_missing_rows_again(store: TweetStore, call: Call, lose_row: Callable[[int], None]) -> None:
    lost, whole = post(10, mode=Mode.PULL), post(11, author_id=2)
    for record in (lost, whole):
        create(store, call, record)
    lose_row(10)
    assert recent(store, call) == []
    assert store.restore(call, [candidate_of(lost), candidate_of(whole)]) == [1]
    assert (recent(store, call), pulled(store, call)) == ([10], [10])
    assert store.restore(call, [candidate_of(lost), candidate_of(whole)]) == []


def test_restore_brings_back_nothing_deleted_or_unknown(store: TweetStore, call: Call) -> None:
    gone = post(10)
    create(store, call, gone)
    delete(store, call, 10)
    assert store.restore(call, [candidate_of(gone), candidate_of(post(99))]) == []
    assert recent(store, call) == []


def test_posts_outlive_the_store(open_store: Callable[[], Any], call: Call) -> None:
    store = open_store()
    original, gone = post(10), post(12)
    for record in (original, gone, reply(11, original, author_id=2)):
        create(store, call, record)
    delete(store, call, 12)
    made = store.claim(call, claim("a", 13), 0)
    store.close()
    again = open_store()
    assert again.get_many(call, [10, 12]) == {10: original, 12: marker(gone)}
    assert again.counts(call, [10]) == {10: Counts(1, 0)}
    assert again.claim(call, claim("a", 14), 0) == made


def test_another_process_reads_it(store: TweetStore, open_reader: Callable[[], TweetStore], call: Call) -> None:
    reader = open_reader()
    create(store, call, post(10, mode=Mode.PULL))
    assert pulled(reader, call) == [10]
    assert recent(reader, call) == [10]
