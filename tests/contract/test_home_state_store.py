"""What a HomeStateStore promises: activity that never goes back, and rebuilds of which only the last one completes."""

from __future__ import annotations

from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.timeline.store import INCOMPLETE, HomeState, HomeStateStore
from tests.support.contract_adapters import HOME_STATE_STORES

ADAPTERS = HOME_STATE_STORES
READER, OTHER = 11, 12


def request(event_id: int) -> list[OutboxRow]:
    return [OutboxRow(event_id, "rebuilds", READER, 1, b"event")]


def test_who_never_read_has_no_row(store: HomeStateStore, call: Call) -> None:
    assert store.get(call, READER) is None
    assert store.active_at(call, [READER, OTHER]) == {}


def test_a_touch_is_remembered_and_never_goes_back(store: HomeStateStore, call: Call) -> None:
    store.touch(call, READER, 50)
    store.touch(call, READER, 40)
    assert store.get(call, READER) == HomeState(50, 0, 0)
    assert store.active_at(call, [READER, OTHER]) == {READER: 50}


def test_a_rebuild_marks_the_home_and_leaves_its_request(store: HomeStateStore, call: Call) -> None:
    store.begin_rebuild(call, READER, 60, request(1), 3)
    assert store.get(call, READER) == HomeState(60, INCOMPLETE, 60)
    assert [row.event_id for _, row in store.read_outbox(call, 3, 0, 10)] == [1]


def test_a_rebuild_completes(store: HomeStateStore, call: Call) -> None:
    store.begin_rebuild(call, READER, 60, request(1), 3)
    assert store.complete_rebuild(call, READER, 60, 1234)
    assert store.get(call, READER) == HomeState(60, 1234, 60)


def test_only_the_last_request_is_completed(store: HomeStateStore, call: Call) -> None:
    store.begin_rebuild(call, READER, 60, request(1), 3)
    store.begin_rebuild(call, READER, 70, request(2), 3)
    assert not store.complete_rebuild(call, READER, 60, 1234)
    assert store.get(call, READER) == HomeState(70, INCOMPLETE, 70)


def test_a_touch_leaves_a_rebuild_alone(store: HomeStateStore, call: Call) -> None:
    store.begin_rebuild(call, READER, 60, request(1), 3)
    store.touch(call, READER, 80)
    assert store.get(call, READER) == HomeState(80, INCOMPLETE, 60)


def test_a_rebuild_of_nobody_completes_nothing(store: HomeStateStore, call: Call) -> None:
    assert not store.complete_rebuild(call, READER, 60, 1234)
    assert store.get(call, READER) is None
