"""What an EventLog and its consumers promise."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from murmuration_server.eventlog.port import Consumer, EventLog, NewRecord, Record, RelayPosition
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from tests.support.contract_adapters import EVENT_LOGS, PARTITIONS
from tests.support.contract_clock import START_MS
from tests.support.contract_threads import at_once
from tests.support.factories import id_at, new_record

ADAPTERS = EVENT_LOGS
WAIT_SECONDS = 10.0

OpenLog = Callable[[], EventLog]


def values(records: list[Record], key: int | None = None) -> list[bytes]:
    return [record.value for record in records if key is None or record.key == key]


def append(log: EventLog, call: Call, *records: NewRecord) -> None:
    log.append(call, records)


def come(consumer: Consumer, call: Call, count: int, limit: int = 1000) -> list[Record]:
    """Polls until so many records are there at once: they come again until they are committed."""
    deadline = call.runtime.monotonic() + WAIT_SECONDS
    while len(records := consumer.poll(call, limit, 0.1)) < count:
        assert call.runtime.monotonic() < deadline, f"of {count} records there are {len(records)}"
    assert len(records) == count
    return records


def nothing_comes(log: EventLog, call: Call, consumer: Consumer, topic: str = "topic", key: int = 1) -> bool:
    """Whether no record of a key waits: the one that is appended now is the first to come."""
    append(log, call, new_record(topic, key, b"mark"))
    marks = come(consumer, call, 1)
    consumer.commit(call, marks)
    return values(marks) == [b"mark"]


def has_come(log: EventLog, call: Call) -> Consumer:
    """A group that has taken its place and waits for nothing."""
    consumer = log.consumer("group", ["topic"])
    deadline = call.runtime.monotonic() + WAIT_SECONDS
    while True:
        assert consumer.poll(call, 10, 0.1) == []
        try:
            if log.backlog(call):
                return consumer
        except Unavailable:
            # A log that began a moment ago may not know its groups yet.
            pass
        assert call.runtime.monotonic() < deadline


def key_pair(log: EventLog, call: Call) -> tuple[int, int]:
    """Two keys that lie in different partitions, found out on a topic of its own."""
    append(log, call, *(new_record("probe", key) for key in range(1, 50)))
    found = log.read(call, "probe", {}, 100)
    partition_of = {record.key: record.partition for record in found}
    other = next(key for key in partition_of if partition_of[key] != partition_of[1])
    return 1, other


def backlog(log: EventLog, call: Call, group: str = "group", topic: str = "topic") -> tuple[int, int | None]:
    found = [
        (row.records, row.oldest_origin_ms) for row in log.backlog(call) if (row.group, row.topic) == (group, topic)
    ]
    assert len(found) == 1, "a group that has come has one row a topic"
    return found[0]


def test_records_come_as_they_were_appended(store: EventLog, call: Call) -> None:
    append(store, call, NewRecord("topic", 7, START_MS, b"\x00value"))
    [record] = come(store.consumer("group", ["topic"]), call, 1)
    assert (record.topic, record.key, record.origin_ms, record.value) == ("topic", 7, START_MS, b"\x00value")


def test_records_of_one_key_come_in_order(store: EventLog, call: Call) -> None:
    sent = [(key, b"%d" % n) for n in range(20) for key in (1, 2, 3)]
    for start in range(0, len(sent), 7):
        append(store, call, *(new_record("topic", key, value) for key, value in sent[start : start + 7]))
    consumer, got = store.consumer("group", ["topic"]), []
    deadline = call.runtime.monotonic() + WAIT_SECONDS
    while len(got) < len(sent) and call.runtime.monotonic() < deadline:
        records = consumer.poll(call, 3, 0.1)
        got += records
        consumer.commit(call, records)
    for key in (1, 2, 3):
        assert values(got, key) == [value for sent_to, value in sent if sent_to == key]


def test_records_of_one_key_lie_in_one_partition(store: EventLog, call: Call) -> None:
    for _ in range(3):
        append(store, call, *(new_record("topic", key) for key in range(1, 20)))
    records = come(store.consumer("group", ["topic"]), call, 3 * 19)
    assert len({(record.key, record.partition) for record in records}) == 19


def test_keys_that_are_ids_spread_over_the_partitions(store: EventLog, call: Call) -> None:
    """Ids end in their worker and sequence, which hardly differ between ids taken now and then."""
    append(store, call, *(new_record("topic", id_at(START_MS + 1000 * n)) for n in range(200)))
    records = come(store.consumer("group", ["topic"]), call, 200)
    loads = [sum(record.partition == partition for record in records) for partition in range(PARTITIONS)]
    assert min(loads) > 200 / PARTITIONS / 2, f"records a partition: {loads}"


def test_what_is_not_committed_comes_again(store: EventLog, call: Call) -> None:
    append(store, call, new_record("topic", 1, b"a"), new_record("topic", 1, b"b"))
    consumer = store.consumer("group", ["topic"])
    first = come(consumer, call, 2)
    assert consumer.poll(call, 10) == first
    consumer.commit(call, first[:1])
    assert values(consumer.poll(call, 10)) == [b"b"]


def test_a_commit_is_for_all_before_it_too(store: EventLog, call: Call) -> None:
    append(store, call, *(new_record("topic", 1, b"%d" % n) for n in range(4)))
    consumer = store.consumer("group", ["topic"])
    records = come(consumer, call, 4)
    consumer.commit(call, [records[2]])
    assert values(consumer.poll(call, 10)) == [b"3"]


def test_a_late_commit_takes_nothing_back(store: EventLog, call: Call) -> None:
    append(store, call, *(new_record("topic", 1, b"%d" % n) for n in range(3)))
    consumer = store.consumer("group", ["topic"])
    records = come(consumer, call, 3)
    consumer.commit(call, records)
    consumer.commit(call, records[:1])
    assert backlog(store, call) == (0, None)
    assert nothing_comes(store, call, consumer)


def test_a_commit_of_nothing_is_nothing(store: EventLog, call: Call) -> None:
    append(store, call, new_record("topic", 1))
    consumer = store.consumer("group", ["topic"])
    consumer.commit(call, [])
    assert len(come(consumer, call, 1)) == 1


def test_the_limit_is_for_each_partition(store: EventLog, call: Call) -> None:
    one, other = key_pair(store, call)
    append(store, call, *(new_record("topic", one, b"%d" % n) for n in range(5)))
    append(store, call, new_record("topic", other, b"x"))
    records = come(store.consumer("group", ["topic"]), call, 3, limit=2)
    assert (values(records, one), values(records, other)) == ([b"0", b"1"], [b"x"])


def test_groups_do_not_disturb_one_another(store: EventLog, call: Call) -> None:
    append(store, call, new_record("topic", 1, b"a"))
    for group in ("one", "other"):
        consumer = store.consumer(group, ["topic"])
        records = come(consumer, call, 1)
        assert values(records) == [b"a"]
        consumer.commit(call, records)


def test_a_group_begins_at_the_beginning(store: EventLog, call: Call) -> None:
    append(store, call, new_record("topic", 1, b"a"))
    early = store.consumer("early", ["topic"])
    early.commit(call, come(early, call, 1))
    append(store, call, new_record("topic", 1, b"b"))
    assert values(come(store.consumer("late", ["topic"]), call, 2)) == [b"a", b"b"]


def test_a_consumer_gets_its_topics_only(store: EventLog, call: Call) -> None:
    append(store, call, *(new_record(topic, 1, topic.encode()) for topic in ("a", "b", "c")))
    assert sorted(values(come(store.consumer("group", ["a", "c"]), call, 2))) == [b"a", b"c"]
    assert values(come(store.consumer("other", ["b"]), call, 1)) == [b"b"]


def test_a_poll_of_nothing_comes_back(store: EventLog, call: Call) -> None:
    consumer = store.consumer("group", ["topic"])
    assert consumer.poll(call, 10) == []
    assert consumer.poll(call, 10, 0.001) == []


def test_an_append_wakes_who_waits(store: EventLog, call: Call) -> None:
    consumer = store.consumer("group", ["topic"])
    # Comes once before, so that the poll under test does nothing but wait.
    append(store, call, new_record("topic", 1), new_record("other", 1))
    consumer.commit(call, come(consumer, call, 1))

    def wait() -> int:
        started = call.runtime.monotonic()
        assert len(consumer.poll(call, 10, WAIT_SECONDS)) == 1
        return int(call.runtime.monotonic() - started)

    def write() -> int:
        append(store, call, new_record("other", 1))
        append(store, call, new_record("topic", 1))
        return 0

    assert max(at_once([wait, write])) < WAIT_SECONDS - 1


def test_an_append_commits_and_relays_together(store: EventLog, call: Call) -> None:
    append(store, call, new_record("in", 1, b"a"), new_record("in", 1, b"b"))
    consumer = store.consumer("group", ["in"])
    records = come(consumer, call, 1, limit=1)
    position = RelayPosition("source", 3, ((3, 14), (4, 1)))
    store.append(call, [new_record("out", 1, b"c")], consumed=("group", records), relayed=position)
    assert values(come(consumer, call, 1)) == [b"b"]
    assert values(come(store.consumer("other", ["out"]), call, 1)) == [b"c"]
    assert store.relay_position(call, "source") == position


def test_an_append_that_fails_moves_no_position(store: EventLog, call: Call) -> None:
    append(store, call, new_record("in", 1, b"a"))
    consumer = store.consumer("group", ["in", "out"])
    records = come(consumer, call, 1)
    no_such_time = NewRecord("out", 1, 2**70, b"")
    with pytest.raises(Exception):  # noqa: B017 - each adapter has its own
        store.append(
            call,
            [new_record("out", 1), no_such_time],
            consumed=("group", records),
            relayed=RelayPosition("source", 1),
        )
    assert consumer.poll(call, 10)[:1] == records
    assert store.relay_position(call, "source") is None


def test_a_commit_without_records(store: EventLog, call: Call) -> None:
    append(store, call, new_record("topic", 1))
    consumer = store.consumer("group", ["topic"])
    store.append(call, [], consumed=("group", come(consumer, call, 1)))
    assert nothing_comes(store, call, consumer)


def test_appends_at_once_are_all_there(store: EventLog, call: Call) -> None:
    at_once(
        [lambda n=n: append(store, call, *(new_record("topic", n, b"%d" % i) for i in range(20))) for n in range(4)]
    )
    records = come(store.consumer("group", ["topic"]), call, 80)
    assert len({(record.partition, record.offset) for record in records}) == 80
    for key in range(4):
        assert values(records, key) == [b"%d" % n for n in range(20)]


def test_relay_positions_are_kept_by_source(store: EventLog, call: Call) -> None:
    assert store.relay_position(call, "one") is None
    for position in (RelayPosition("one", 1), RelayPosition("other", 2), RelayPosition("one", 5, ((6, 7),), 70)):
        store.append(call, (), relayed=position)
    assert store.relay_position(call, "one") == RelayPosition("one", 5, ((6, 7),), looked=70)
    assert store.relay_position(call, "other") == RelayPosition("other", 2)


def test_backlog_counts_what_is_not_committed(store: EventLog, call: Call) -> None:
    one, other = key_pair(store, call)
    consumer = has_come(store, call)
    assert backlog(store, call) == (0, None)
    append(
        store, call, new_record("topic", one, origin_ms=START_MS + 5), new_record("topic", other, origin_ms=START_MS)
    )
    append(store, call, new_record("topic", one, origin_ms=START_MS + 9))
    assert backlog(store, call) == (3, START_MS)
    records = come(consumer, call, 3)
    consumer.commit(call, [record for record in records if record.key == other])
    assert backlog(store, call) == (2, START_MS + 5)
    consumer.commit(call, records)
    assert backlog(store, call) == (0, None)


def test_trim_drops_what_every_group_has_committed(store: EventLog, call: Call) -> None:
    append(store, call, *(new_record("topic", 1, b"%d" % n) for n in range(5)))
    fast, slow = (store.consumer(group, ["topic"]) for group in ("fast", "slow"))
    records = come(fast, call, 5)
    fast.commit(call, records)
    slow.commit(call, come(slow, call, 5)[:2])
    assert store.trim(call) == 2
    assert store.trim(call) == 0


def test_trim_drops_nothing_that_a_group_needs(store: EventLog, call: Call) -> None:
    append(store, call, *(new_record("topic", 1, b"%d" % n) for n in range(5)))
    fast, slow = (store.consumer(group, ["topic"]) for group in ("fast", "slow"))
    fast.commit(call, come(fast, call, 5))
    records = come(slow, call, 5)
    assert store.trim(call) == 0
    slow.commit(call, records[:2])
    store.trim(call)
    assert values(come(slow, call, 3)) == [b"2", b"3", b"4"]
    assert values(store.read(call, "topic", {records[0].partition: 2}, 10)) == [b"2", b"3", b"4"]


def test_trim_drops_nothing_that_nobody_has_read(store: EventLog, call: Call) -> None:
    append(store, call, new_record("dead-letters", 1, b"a"))
    assert store.trim(call) == 0
    assert values(come(store.consumer("group", ["dead-letters"]), call, 1)) == [b"a"]


def test_who_looks_on_reads_from_any_offset(store: EventLog, call: Call) -> None:
    one, other = key_pair(store, call)
    append(store, call, *(new_record("topic", one, b"%d" % n) for n in range(5)))
    append(store, call, new_record("topic", other, b"x"))
    found = store.read(call, "topic", {}, 1000)
    assert (values(found, one), values(found, other)) == ([b"0", b"1", b"2", b"3", b"4"], [b"x"])
    partition = found[0].partition if found[0].key == one else found[-1].partition
    some = store.read(call, "topic", {partition: 2}, 2)
    assert (values(some, one), values(some, other)) == ([b"2", b"3"], [b"x"])
    assert values(store.read(call, "topic", {partition: 5}, 10), one) == []


def test_looking_on_of_nothing(store: EventLog, call: Call) -> None:
    assert store.read(call, "topic", {}, 10) == []


def test_who_looks_on_finds_from_when_on(store: EventLog, call: Call) -> None:
    """All that was appended since, and perhaps more."""
    assert values(store.read(call, "topic", store.offsets_since(call, "topic", 0), 10)) == []
    one, other = key_pair(store, call)
    append(store, call, *(new_record("topic", key, b"before") for key in (one, other)))
    since_ms = time.time_ns() // 1_000_000
    append(store, call, *(new_record("topic", one, b"%d" % n) for n in range(3)))
    found = store.read(call, "topic", store.offsets_since(call, "topic", since_ms), 1000)
    assert values(found, one)[-3:] == [b"0", b"1", b"2"]
    everything = store.read(call, "topic", store.offsets_since(call, "topic", 0), 1000)
    assert values(everything, one) == [b"before", b"0", b"1", b"2"]
    assert values(everything, other) == [b"before"]


def test_looking_on_commits_nothing(store: EventLog, call: Call) -> None:
    append(store, call, new_record("topic", 1, b"a"))
    assert values(store.read(call, "topic", {}, 10)) == values(store.read(call, "topic", {}, 10)) == [b"a"]
    assert values(come(store.consumer("group", ["topic"]), call, 1)) == [b"a"]
    assert [row.group for row in store.backlog(call)] == ["group"]


def test_offsets_go_on_after_a_trim(open_store: OpenLog, call: Call) -> None:
    log = open_store()
    append(log, call, new_record("topic", 1, b"a"))
    consumer = log.consumer("group", ["topic"])
    records = come(consumer, call, 1)
    consumer.commit(call, records)
    assert log.trim(call) == 1
    log.close()  # type: ignore[attr-defined]
    log = open_store()
    append(log, call, new_record("topic", 1, b"b"))
    [record] = come(log.consumer("group", ["topic"]), call, 1)
    assert (record.value, record.offset) == (b"b", records[0].offset + 1)


def test_a_group_that_comes_after_a_trim_waits_for_nothing_that_is_gone(store: EventLog, call: Call) -> None:
    append(store, call, new_record("topic", 1))
    first = store.consumer("first", ["topic"])
    first.commit(call, come(first, call, 1))
    assert store.trim(call) == 1
    assert store.consumer("late", ["topic"]).poll(call, 10) == []
    assert backlog(store, call, "late") == (0, None)


def test_all_is_there_after_reopening(open_store: OpenLog, call: Call) -> None:
    log = open_store()
    append(log, call, *(new_record("topic", 1, b"%d" % n) for n in range(3)))
    consumer = log.consumer("group", ["topic"])
    consumer.commit(call, come(consumer, call, 1, limit=1))
    log.append(call, (), relayed=RelayPosition("source", 8, ((9, 2),)))
    log.close()  # type: ignore[attr-defined]
    log = open_store()
    assert backlog(log, call) == (2, START_MS)
    assert values(come(log.consumer("group", ["topic"]), call, 2)) == [b"1", b"2"]
    assert log.relay_position(call, "source") == RelayPosition("source", 8, ((9, 2),))


def test_another_process_reads_positions_and_backlogs(store: EventLog, open_reader: OpenLog, call: Call) -> None:
    reader = open_reader()
    has_come(store, call)
    store.append(call, [new_record("topic", 1)], relayed=RelayPosition("source", 1))
    assert backlog(reader, call) == (1, START_MS)
    assert reader.relay_position(call, "source") == RelayPosition("source", 1)
