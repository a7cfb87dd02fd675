"""Rows of an outbox that turn up below what the relay has read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from murmuration_server.eventlog import published as published_module
from murmuration_server.eventlog import relay as relay_module
from murmuration_server.eventlog.envelope import TWEETS, envelope, open_envelope
from murmuration_server.eventlog.outbox import BucketRule, OutboxRow
from murmuration_server.eventlog.port import NewRecord, Record, RelayPosition
from murmuration_server.eventlog.published import Published
from murmuration_server.eventlog.relay import WHOLE_LOOK_SECONDS, Relay
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import OutboxSettings
from murmuration_server.platform.errors import DeadlineExceeded, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.watermark import PLANNER_GROUP, Watermark
from tests.support.contract_clock import SetClock
from tests.support.factories import outbox_row
from tests.support.late_outbox import POSITIONS_A_MS, REREAD_MS, LateOutbox

READ_SECONDS = 0.05
STEP_SECONDS = 1.0
WITHIN_MS = 10_000
"""A clock begins with a bucket."""
CLOSED_MS = OutboxSettings().bucket_ms + OutboxSettings().resweep_ms


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock, self.metrics = SetClock(), Metrics()
        self.call = Call.background(self.clock, 100_000)
        self.log = SqliteEventLog(folder / "log.db", self.clock, 1)
        self.source = LateOutbox(self.clock)
        self.rule = BucketRule(self.clock, OutboxSettings())
        self.watermark = Watermark(self.source, (), self.log, self.clock, self.metrics)
        self.consumer = self.log.consumer(PLANNER_GROUP, [TWEETS])
        self.consumer.poll(self.call, 1)
        self.begun_in = self.rule.present()
        self.begin_anew()

    def begin_anew(self) -> None:
        self.relay = Relay(self.source, self.log, self.rule, self.metrics)

    def write(self, event_id: int, position: int | None = None) -> int:
        """Answers its position."""
        at = self.source.outbox_now(self.call) if position is None else position
        bucket = at // POSITIONS_A_MS // OutboxSettings().bucket_ms
        event = envelope(self.call, event_id, self.clock.ms)
        event.tweet_deleted.tweet_id = event_id
        self.source.rows[bucket, at] = OutboxRow(event_id, TWEETS, 1, self.clock.ms, event.SerializeToString())
        return at

    def relay_and_deliver(self) -> list[int]:
        """Answers what has come to the log."""
        self.relay.run_once(self.call)
        return self.deliver()

    def deliver(self) -> list[int]:
        records = self.consumer.poll(self.call, 100)
        self.consumer.commit(self.call, records)
        return [int(open_envelope(record.value).event_id, 16) for record in records]

    def closed(self) -> bool:
        """Whether all that was written was swept and looked into for the last time."""
        position = self.log.relay_position(self.call, "late")
        assert position is not None
        return position.open_from > max(bucket for bucket, _ in self.source.rows) and not position.tails

    def until_ms(self) -> int:
        return self.watermark.measure(self.call).until_ms

    def pass_ms(self, milliseconds: int) -> None:
        self.clock.pass_time(milliseconds / 1000)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.log.close()


def test_what_turns_up_below_the_tail_is_not_taken_for_delivered(bench: Bench) -> None:
    """Two write; the one whose position comes first is acked last."""
    first = bench.source.outbox_now(bench.call)
    bench.write(2, first + 1)
    assert bench.relay_and_deliver() == [2]
    bench.pass_ms(10)
    acked_ms = bench.clock.ms
    bench.write(1, first)
    bench.pass_ms(100)
    assert bench.relay_and_deliver() == [], "it looks back twice a second"
    assert bench.until_ms() <= acked_ms
    bench.pass_ms(500)
    assert bench.relay_and_deliver() == [1]
    assert bench.until_ms() > acked_ms


def test_with_nothing_new_all_counts_as_delivered_soon_and_the_log_is_left_alone(bench: Bench) -> None:
    bench.write(1)
    written_ms = bench.clock.ms
    bench.pass_ms(1)
    assert bench.relay_and_deliver() == [1]
    for _ in range(REREAD_MS // 500):
        bench.pass_ms(500)
        bench.relay_and_deliver()
        assert bench.until_ms() >= bench.clock.ms - 1
    bench.pass_ms(500)
    bench.relay_and_deliver()
    position = bench.log.relay_position(bench.call, "late")
    assert position is not None
    assert position.looked >= (written_ms + REREAD_MS) * POSITIONS_A_MS
    bench.pass_ms(30_000)
    assert bench.until_ms() == bench.clock.ms
    bench.relay_and_deliver()
    assert bench.log.relay_position(bench.call, "late") == position


def test_after_a_rest_the_watermark_does_not_go_back_far(bench: Bench) -> None:
    bench.write(1)
    for _ in range(100):
        bench.relay_and_deliver()
        bench.pass_ms(500)
    bench.write(2)
    bench.pass_ms(10)
    assert bench.relay_and_deliver() == [2]
    assert bench.clock.ms - bench.until_ms() <= WHOLE_LOOK_SECONDS * 1000 + 10


def test_what_turns_up_behind_a_look_that_is_under_way_waits_for_the_next(bench: Bench) -> None:
    """A look counts from its beginning."""
    first = bench.source.outbox_now(bench.call)
    bench.write(2, first + 1)
    reads = [0]

    def acked_behind_it() -> None:
        reads[0] += 1
        # The first read is that of new rows, the second the look back.
        if reads[0] == 2:
            bench.pass_ms(10)
            bench.write(1, first)
            bench.pass_ms(10)

    bench.source.after_read = acked_behind_it
    assert bench.relay_and_deliver() == [2]
    acked_ms = max(row.origin_ms for row in bench.source.rows.values())
    assert bench.until_ms() <= acked_ms < bench.clock.ms


def test_a_relay_that_is_paused_moves_nothing_on(bench: Bench) -> None:
    at = bench.write(1)
    bench.pass_ms(1)
    bench.relay_and_deliver()
    looked_ms = bench.clock.ms
    bench.pass_ms(20_000)
    bench.write(2, at - 5)
    assert bench.until_ms() <= looked_ms


def test_a_bucket_whose_sweep_takes_longer_than_a_step_is_closed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both its last sweep and the look after it."""
    monkeypatch.setattr(relay_module, "ROWS_A_STEP", 1)
    bench.source.after_read = lambda: bench.clock.pass_time(READ_SECONDS)
    rows = 3 * int(STEP_SECONDS / READ_SECONDS)
    first = bench.rule.present() * OutboxSettings().bucket_ms * POSITIONS_A_MS
    for number in range(rows):
        bench.write(number + 1, first + number * 250 * POSITIONS_A_MS)
    bench.clock.pass_time(200)
    ran_out = 0
    for _ in range(40 * rows):
        try:
            bench.relay.run_once(Call.background(bench.clock, STEP_SECONDS))
        except DeadlineExceeded:
            ran_out += 1
        if bench.closed():
            break
    else:
        pytest.fail(f"{ran_out} steps ran out of time, and it is still open")
    assert ran_out
    assert not bench.relay._swept


def test_the_last_sweep_finds_what_turned_up_deep_below_the_tail(bench: Bench) -> None:
    bench.pass_ms(WITHIN_MS)
    at = bench.write(1)
    assert bench.relay_and_deliver() == [1]
    bench.write(2, at - 2 * bench.source.outbox_reread)
    assert bench.relay_and_deliver() == []
    bench.pass_ms(CLOSED_MS)
    assert bench.relay_and_deliver() == [2]


def test_a_last_sweep_repeats_nothing_that_this_process_has_published(bench: Bench) -> None:
    at = bench.write(1)
    bench.write(2, at + 1)
    assert bench.relay_and_deliver() == [1, 2]
    bench.pass_ms(CLOSED_MS)
    assert bench.relay_and_deliver() == []
    assert bench.closed()
    assert not bench.relay._published._own, "and forgets it then"


def test_a_sweep_does_not_move_a_tail_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """All behind it would count as waiting once more."""
    bench.pass_ms(WITHIN_MS)
    at = bench.write(1)
    assert bench.relay_and_deliver() == [1]
    bench.write(2, at - 2 * bench.source.outbox_reread)
    bench.pass_ms(CLOSED_MS)
    monkeypatch.setattr(relay_module, "ROWS_A_STEP", 1)
    append, tails = bench.log.append, []

    def noted(*given: Any, relayed: RelayPosition, **rest: Any) -> None:
        tails.extend(tail for _, tail in relayed.tails)
        append(*given, relayed=relayed, **rest)

    monkeypatch.setattr(bench.log, "append", noted)
    assert bench.relay_and_deliver() == [2]
    assert set(tails) == {at}


@pytest.fixture
def begun_anew(bench: Bench) -> Bench:
    """A relay that has published 1, 2 and 3 long before it ended; 4 turned up deep below its tail."""
    bench.pass_ms(WITHIN_MS)
    at = bench.write(1)
    bench.write(2, at + 1)
    bench.write(3, at + REREAD_MS * POSITIONS_A_MS + 2)
    bench.pass_ms(REREAD_MS + 1)
    assert bench.relay_and_deliver() == [1, 2, 3]
    bench.write(4, at - 1)
    bench.begin_anew()
    return bench


def test_a_relay_that_begins_anew_finds_on_the_log_what_was_published_before(begun_anew: Bench) -> None:
    assert begun_anew.relay_and_deliver() == [3], "what may have turned up late it does not look for on the log"
    begun_anew.pass_ms(CLOSED_MS)
    assert begun_anew.relay_and_deliver() == [4]
    assert begun_anew.closed()
    assert not begun_anew.relay._published._recalled, "and forgets it with the buckets of that time"


def test_while_it_reads_the_log_a_relay_goes_on_with_new_rows(
    begun_anew: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published_module, "RECORDS_AT_FIRST", 1)
    monkeypatch.setattr(published_module, "MOST_RECORDS", 1)
    begun_anew.relay_and_deliver()
    begun_anew.pass_ms(CLOSED_MS)
    assert begun_anew.relay.run_once(begun_anew.call), "it goes on at once"
    begun_anew.write(5)
    assert begun_anew.relay_and_deliver() == [5]
    assert not begun_anew.closed()
    steps = itertools.count()
    while begun_anew.relay.run_once(begun_anew.call):
        assert next(steps) < 10
    assert begun_anew.deliver() == [4]
    position = begun_anew.log.relay_position(begun_anew.call, "late")
    assert position is not None
    assert position.done_below == position.open_from == begun_anew.begun_in + 1


def test_where_the_log_is_slow_less_is_read_at_once(begun_anew: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_module, "RECORDS_AT_FIRST", 8)
    read, asked = begun_anew.log.read, []

    def slow(call: Call, topic: str, offsets: Mapping[int, int], limit: int) -> list[Record]:
        asked.append(limit)
        if limit > 2:
            raise Unavailable("the log (records did not come in time)")
        return read(call, topic, offsets, limit)

    monkeypatch.setattr(begun_anew.log, "read", slow)
    begun_anew.relay_and_deliver()
    begun_anew.pass_ms(CLOSED_MS)
    while not begun_anew.closed():
        assert len(asked) < 20
        with suppress(Unavailable):
            begun_anew.relay.run_once(begun_anew.call)
        begun_anew.pass_ms(1000)
    assert asked == [8, 4, 2, 4, 2, 4, 2]


def test_where_records_are_large_fewer_are_read_at_once(begun_anew: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_module, "RECORDS_AT_FIRST", 2)
    monkeypatch.setattr(published_module, "READ_BYTES", 1)
    read, asked = begun_anew.log.read, []
    monkeypatch.setattr(begun_anew.log, "read", lambda *given: asked.append(given[-1]) or read(*given))
    begun_anew.relay_and_deliver()
    begun_anew.pass_ms(CLOSED_MS)
    while begun_anew.relay.run_once(begun_anew.call):
        pass
    assert asked == [2, 1, 1, 1]
    assert begun_anew.closed()


def test_of_a_bucket_that_is_still_to_come_nothing_is_looked_for_on_the_log(
    begun_anew: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begun_anew.log, "read", lambda *_: pytest.fail("the log was read"))
    published, ahead = Published(begun_anew.log, begun_anew.rule), begun_anew.rule.present() + 1
    published.resume(RelayPosition("late", 0, ((ahead, 1),)))
    assert published.recall(begun_anew.call, ahead, list(begun_anew.source.rows.values()))


def test_a_log_that_grows_while_it_is_read_is_read_to_its_end(
    begun_anew: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_anew.relay_and_deliver()
    begun_anew.pass_ms(CLOSED_MS)
    read, reads = begun_anew.log.read, [0]

    def growing(*asked: Any) -> list[Record]:
        reads[0] += 1
        assert reads[0] < 10
        found = read(*asked)
        begun_anew.log.append(begun_anew.call, [NewRecord(TWEETS, 1, 0, b"of others")])
        return found

    monkeypatch.setattr(begun_anew.log, "read", growing)
    begun_anew.relay.run_once(begun_anew.call)
    assert begun_anew.closed()


def test_of_a_bucket_that_holds_very_much_nothing_is_remembered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_module, "MOST_REMEMBERED", 2)
    published, rows = Published(bench.log, bench.rule), [outbox_row(number) for number in range(3)]
    published.note(1, rows[:2])
    assert published.without(1, rows) == rows[2:]
    published.note(1, rows[2:])
    assert published.without(1, rows) == rows


def test_of_very_much_on_the_log_only_some_is_read(begun_anew: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published_module, "RECORDS_AT_FIRST", 1)
    monkeypatch.setattr(published_module, "MOST_RECORDS", 1)
    monkeypatch.setattr(published_module, "MOST_REMEMBERED", 2)
    position = begun_anew.log.relay_position(begun_anew.call, "late")
    assert position is not None
    published, rows = Published(begun_anew.log, begun_anew.rule), list(begun_anew.source.rows.values())
    published.resume(position)
    assert not published.recall(begun_anew.call, position.tails[0][0], rows)
    assert published.recall(begun_anew.call, position.tails[0][0], rows)
    assert {row.event_id for row in published.without(position.tails[0][0], rows)} == {3, 4}


def test_what_others_put_on_the_log_is_passed_over(begun_anew: Bench) -> None:
    """Records that are no events, and such whose ids are no numbers."""
    other = envelope(begun_anew.call, 4, begun_anew.clock.ms)
    other.event_id = f"{other.event_id}.0"
    other.tweet_deleted.tweet_id = 4
    strange = [NewRecord(TWEETS, 1, 0, value) for value in (b"no envelope", other.SerializeToString())]
    begun_anew.relay_and_deliver()
    begun_anew.log.append(begun_anew.call, strange)
    begun_anew.consumer.commit(begun_anew.call, begun_anew.consumer.poll(begun_anew.call, 100))
    begun_anew.pass_ms(CLOSED_MS)
    assert begun_anew.relay_and_deliver() == [4]


def test_what_lands_in_a_bucket_as_it_is_closed_is_not_taken_for_delivered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer did not see on the log that it is closed, and has acked; the sweep is not there yet."""
    bench.pass_ms(WITHIN_MS)
    at = bench.write(1)
    assert bench.relay_and_deliver() == [1]
    bench.pass_ms(CLOSED_MS)
    append, acked_ms, seen_ms = bench.log.append, [], []

    def closing(*given: Any, relayed: RelayPosition | None = None, **rest: Any) -> None:
        if relayed is not None and relayed.open_from and not acked_ms:
            bench.write(2, at + 1)
            acked_ms.append(bench.clock.ms)
            append(*given, relayed=relayed, **rest)
            bench.pass_ms(10)
            seen_ms.append(bench.until_ms())
            return
        append(*given, relayed=relayed, **rest)

    monkeypatch.setattr(bench.log, "append", closing)
    assert bench.relay_and_deliver() == [2]
    assert seen_ms <= acked_ms
    assert bench.closed()
    assert bench.until_ms() == bench.clock.ms
