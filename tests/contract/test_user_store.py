"""What a UserStore promises: a handle names one account for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.users.store import StoredUser, UserStore
from tests.support.contract_adapters import USER_STORES
from tests.support.contract_threads import at_once
from tests.support.factories import outbox_row, stored_user

ADAPTERS = USER_STORES

BUCKET = 7


def create(store: UserStore, call: Call, *users: StoredUser) -> list[StoredUser | None]:
    return store.create(call, users, [outbox_row(user.user_id) for user in users], BUCKET)


def events(store: UserStore, call: Call) -> list[int]:
    return [row.event_id for _, row in store.read_outbox(call, BUCKET, 0, 1000)]


def test_an_account_comes_back_as_it_was_stored(store: UserStore, call: Call) -> None:
    user = StoredUser(2**62, "Alice_2", "Ünï çødé \U0001f426", 1_800_000_000_000, "request", b"\x00digest")
    assert create(store, call, user) == [None]
    assert store.get_many(call, [user.user_id]) == [user]


def test_unknown_accounts_are_left_out(store: UserStore, call: Call) -> None:
    create(store, call, stored_user(1), stored_user(2))
    assert {user.user_id for user in store.get_many(call, [3, 2, 1])} == {1, 2}
    assert store.get_many(call, [3]) == []
    assert store.get_many(call, []) == []


def test_a_handle_is_found_by_its_folded_form(store: UserStore, call: Call) -> None:
    create(store, call, stored_user(1, "Alice"), stored_user(2, "BOB"))
    assert store.find_handles(call, ["alice", "bob", "carol"]) == {"alice": 1, "bob": 2}
    assert store.find_handles(call, []) == {}


def test_a_sample_is_of_users_that_there_are(store: UserStore, call: Call) -> None:
    assert store.sample(call, 5) == []
    create(store, call, *(stored_user(number) for number in range(1, 4)))
    assert sorted(store.sample(call, 5)) == [1, 2, 3]
    assert len(set(store.sample(call, 2)) & {1, 2, 3}) == 2


@pytest.mark.parametrize("handle", ["alice", "ALICE", "aLiCe"])
def test_a_taken_handle_answers_its_holder(store: UserStore, call: Call, handle: str) -> None:
    holder = stored_user(1, "Alice")
    create(store, call, holder)
    assert create(store, call, stored_user(2, handle)) == [holder]
    assert store.get_many(call, [2]) == []
    assert store.find_handles(call, ["alice"]) == {"alice": 1}


def test_only_what_is_stored_has_an_event(store: UserStore, call: Call) -> None:
    create(store, call, stored_user(1, "alice"))
    answers = create(store, call, stored_user(2, "bob"), stored_user(3, "alice"), stored_user(4, "carol"))
    assert [answer and answer.user_id for answer in answers] == [None, 1, None]
    assert events(store, call) == [1, 2, 4]


def test_a_handle_twice_in_one_call_is_taken_the_second_time(store: UserStore, call: Call) -> None:
    assert create(store, call, stored_user(1, "alice"), stored_user(2, "Alice")) == [None, stored_user(1, "alice")]
    assert events(store, call) == [1]


def test_a_write_that_fails_leaves_nothing(store: UserStore, call: Call) -> None:
    impossible: Any = OutboxRow(2, "users", 2, 2**70, b"")
    with pytest.raises(Exception):  # noqa: B017 - each adapter has its own
        store.create(call, [stored_user(1), stored_user(2)], [outbox_row(1), impossible], BUCKET)
    assert store.get_many(call, [1, 2]) == []
    assert store.find_handles(call, ["user1", "user2"]) == {}
    assert events(store, call) == []


def test_one_of_many_at_once_gets_the_handle(store: UserStore, call: Call) -> None:
    answers = at_once([lambda n=n: create(store, call, stored_user(n, "alice"))[0] for n in range(1, 5)])
    [winner] = [n for n, answer in enumerate(answers, start=1) if answer is None]
    assert {answer.user_id for answer in answers if answer is not None} == {winner}
    assert store.find_handles(call, ["alice"]) == {"alice": winner}
    assert events(store, call) == [winner]


def test_accounts_outlive_the_store(open_store: Callable[[], Any], call: Call) -> None:
    store = open_store()
    create(store, call, stored_user(1, "alice"))
    store.close()
    again = open_store()
    assert again.get_many(call, [1]) == [stored_user(1, "alice")]
    assert create(again, call, stored_user(2, "ALICE")) == [stored_user(1, "alice")]
