"""What a store with an outbox promises to the relay, the janitor and the writers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from murmuration_server.eventlog.outbox import OutboxBacklog, OutboxSource
from murmuration_server.platform.call import Call
from tests.support.contract_adapters import OUTBOX_SOURCES
from tests.support.contract_clock import START_MS
from tests.support.contract_threads import at_once
from tests.support.factories import outbox_row

ADAPTERS = OUTBOX_SOURCES


def ids(found: list[tuple[int, Any]]) -> list[int]:
    return [row.event_id for _, row in found]


def test_sources_have_different_names(open_store: Callable[[], OutboxSource]) -> None:
    assert open_store().outbox_name in {"users", "graph", "tweets"}


def test_rows_come_back_as_they_were_written(store: OutboxSource, call: Call) -> None:
    rows = [outbox_row(-5, origin_ms=START_MS - 1, topic="t", key=2**62), outbox_row(2**62)]
    store.append_outbox(call, 7, rows)
    assert [row for _, row in store.read_outbox(call, 7, 0, 10)] == rows


def test_rows_are_read_in_order_from_a_position(store: OutboxSource, call: Call) -> None:
    store.append_outbox(call, 7, [outbox_row(3), outbox_row(1)])
    store.append_outbox(call, 7, [outbox_row(2)])
    first = store.read_outbox(call, 7, 0, 2)
    assert ids(first) == [3, 1]
    assert 0 < first[0][0] < first[1][0]
    assert ids(store.read_outbox(call, 7, first[1][0], 2)) == [2]


def test_a_row_written_later_stands_behind_what_was_read(store: OutboxSource, call: Call) -> None:
    """Whatever its id: the relay tails by position."""
    store.append_outbox(call, 7, [outbox_row(100)])
    [(position, _)] = store.read_outbox(call, 7, 0, 10)
    store.append_outbox(call, 7, [outbox_row(50)])
    assert ids(store.read_outbox(call, 7, position, 10)) == [50]


def test_a_row_may_be_written_again(store: OutboxSource, call: Call) -> None:
    store.append_outbox(call, 7, [outbox_row(1)])
    store.append_outbox(call, 7, [outbox_row(1)])
    store.append_outbox(call, 8, [outbox_row(1)])
    assert 1 in ids(store.read_outbox(call, 7, 0, 10))
    assert ids(store.read_outbox(call, 8, 0, 10)) == [1]


def test_appending_nothing_is_nothing(store: OutboxSource, call: Call) -> None:
    store.append_outbox(call, 7, [])
    assert store.next_outbox_bucket(call, 0) is None


def test_buckets_are_found_in_order(store: OutboxSource, call: Call) -> None:
    for bucket in (9, 3, 2**40):
        store.append_outbox(call, bucket, [outbox_row(bucket)])
    found = [store.next_outbox_bucket(call, start) for start in (0, 3, 4, 9, 10, 2**40, 2**40 + 1)]
    assert found == [3, 3, 9, 9, 2**40, 2**40, None]
    assert store.read_outbox(call, 4, 0, 10) == []


def test_the_backlog_is_what_lies_beyond_the_positions(store: OutboxSource, call: Call) -> None:
    assert store.outbox_backlog(call, 0, ()) == OutboxBacklog(0, None)
    store.append_outbox(call, 3, [outbox_row(n, origin_ms=START_MS + n) for n in range(3)])
    store.append_outbox(call, 4, [outbox_row(9, origin_ms=START_MS + 9)])
    assert store.outbox_backlog(call, 0, ()) == OutboxBacklog(4, START_MS)
    second = store.read_outbox(call, 3, 0, 2)[1][0]
    assert store.outbox_backlog(call, 3, [(3, second)]) == OutboxBacklog(2, START_MS + 2)
    assert store.outbox_backlog(call, 4, ()) == OutboxBacklog(1, START_MS + 9)
    last = store.read_outbox(call, 4, 0, 9)[-1][0]
    assert store.outbox_backlog(call, 4, [(4, last)]) == OutboxBacklog(0, None)


def test_dropped_buckets_are_gone_and_the_others_stay(store: OutboxSource, call: Call) -> None:
    for bucket in (3, 4, 5):
        store.append_outbox(call, bucket, [outbox_row(bucket)])
    store.drop_outbox(call, 5)
    store.drop_outbox(call, 5)
    assert store.next_outbox_bucket(call, 0) == 5
    assert ids(store.read_outbox(call, 5, 0, 10)) == [5]
    assert store.outbox_backlog(call, 0, ()).rows == 1


def test_rows_written_at_once_are_all_there(store: OutboxSource, call: Call) -> None:
    at_once([lambda n=n: store.append_outbox(call, 7, [outbox_row(10 * n + i) for i in range(5)]) for n in range(4)])
    rows = store.read_outbox(call, 7, 0, 100)
    assert sorted(ids(rows)) == sorted(10 * n + i for n in range(4) for i in range(5))
    assert len({position for position, _ in rows}) == 20


def test_rows_outlive_the_store(open_store: Callable[[], Any], call: Call) -> None:
    store = open_store()
    store.append_outbox(call, 7, [outbox_row(1), outbox_row(2)])
    position = store.read_outbox(call, 7, 0, 1)[0][0]
    store.close()
    assert ids(open_store().read_outbox(call, 7, position, 10)) == [2]


def test_another_process_tails_it(store: OutboxSource, open_reader: Callable[[], OutboxSource], call: Call) -> None:
    reader = open_reader()
    assert reader.next_outbox_bucket(call, 0) is None
    store.append_outbox(call, 7, [outbox_row(1)])
    [(position, row)] = reader.read_outbox(call, 7, 0, 10)
    assert row == outbox_row(1)
    store.append_outbox(call, 7, [outbox_row(2)])
    assert ids(reader.read_outbox(call, 7, position, 10)) == [2]
    assert reader.outbox_backlog(call, 7, [(7, position)]).rows == 1
    store.drop_outbox(call, 8)
    assert reader.next_outbox_bucket(call, 0) is None
