"""From outboxes to the log: all that was acked gets there, in order, and what is there is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from murmuration_server.eventlog import relay as relay_module
from murmuration_server.eventlog.janitor import OutboxJanitor, OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.eventlog.port import RelayPosition
from murmuration_server.eventlog.relay import Relay
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import OutboxSettings
from murmuration_server.platform.errors import OutboxFull, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.watermark import Watermark
from murmuration_server.users.stores.sqlite import SqliteUserStore
from tests.support.contract_clock import START_MS, SetClock
from tests.support.factories import outbox_row
from tests.support.scheduled import Skewed

SECOND = 1000
SETTINGS = OutboxSettings(quota_rows=3, bucket_ms=SECOND, resweep_ms=SECOND, margin_ms=200)
NOW = START_MS // SECOND
"""The bucket of the start."""


class Switch:
    """A log that may be away."""

    def __init__(self, log: SqliteEventLog) -> None:
        self._log, self.away = log, False

    def __getattr__(self, name: str) -> Any:
        if self.away:
            raise Unavailable("the log")
        return getattr(self._log, name)


class Bench:
    """A store's outbox, a log, a relay and a janitor."""

    def __init__(self, folder: Path) -> None:
        self.clock = SetClock()
        self.call = Call.background(self.clock, 10_000)
        self.source = SqliteUserStore(folder / "users.db", self.clock)
        self._log = SqliteEventLog(folder / "log.db", self.clock, 1)
        self.log: Any = Switch(self._log)
        self.rule = BucketRule(self.clock, SETTINGS, self.log)
        self.metrics, self.quota = Metrics(), OutboxQuota(SETTINGS.quota_rows)
        self.janitor = OutboxJanitor([self.source], self.log, self.quota, self.metrics)
        self._reader = self._log.consumer("test", ["tweets"])
        self.begin_anew()

    def begin_anew(self) -> None:
        """As a process does that was started after another had died."""
        self.relay = Relay(self.source, self.log, self.rule, self.metrics)

    def write(self, *event_ids: int, bucket: int | None = None) -> None:
        rows = [outbox_row(event_id) for event_id in event_ids]
        self.source.append_outbox(self.call, self.rule.present() if bucket is None else bucket, rows)

    def settle(self, *event_ids: int, bucket: int) -> None:
        self.rule.settle(self.call, self.source, bucket, [outbox_row(event_id) for event_id in event_ids])

    def relay_all(self) -> None:
        while self.relay.run_once(self.call):
            pass

    def published(self) -> list[int]:
        """What came to the log since the last look."""
        records = self._reader.poll(self.call, 1000)
        self._reader.commit(self.call, records)
        return [int(record.value.split()[1]) for record in records]

    def position(self) -> RelayPosition | None:
        found: RelayPosition | None = self._log.relay_position(self.call, "users")
        return found

    def stored(self, bucket: int) -> list[int]:
        return [row.event_id for _, row in self.source.read_outbox(self.call, bucket, 0, 100)]

    def close(self) -> None:
        self.source.close()
        self._log.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


# Relaying


def test_events_go_to_the_log_once_and_in_order(bench: Bench) -> None:
    bench.write(5, 3)
    bench.relay_all()
    bench.write(4)
    bench.relay_all()
    bench.relay_all()
    assert bench.published() == [5, 3, 4]
    assert bench.metrics.registry.get_sample_value("murmuration_relayed_total", {"source": "users"}) == 3


def test_a_page_may_hold_more_rows_than_were_asked_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its last position: there may be more behind them."""
    monkeypatch.setattr(relay_module, "ROWS_A_STEP", 1)
    read = bench.source.read_outbox
    monkeypatch.setattr(bench.source, "read_outbox", lambda call, bucket, after, limit: read(call, bucket, after, 2))
    bench.write(1, 2, 3)
    assert bench.relay.run_once(bench.call)


def test_nothing_to_do_is_nothing_written(bench: Bench) -> None:
    bench.relay_all()
    assert bench.position() is None


@pytest.fixture
def costly(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Each look costs a request, and rows may come late."""
    monkeypatch.setattr(type(bench.source), "outbox_reread", 1)
    return bench


def test_where_a_look_costs_a_request_old_buckets_are_looked_into_now_and_then(costly: Bench) -> None:
    costly.clock.pass_time(1.3)
    costly.relay_all()
    costly.write(1)
    costly.write(2, bucket=NOW)
    costly.relay_all()
    assert costly.published() == [1]
    costly.clock.pass_time(relay_module.WHOLE_LOOK_SECONDS)
    costly.relay_all()
    assert costly.published() == [2]


def test_shortly_after_its_end_a_bucket_is_not_old(costly: Bench) -> None:
    """A writer's clock may be behind."""
    costly.clock.pass_time(1.0 + SETTINGS.margin_ms / SECOND - 0.01)
    costly.relay_all()
    costly.write(1, bucket=NOW)
    costly.relay_all()
    assert costly.published() == [1]


def test_what_waits_in_an_old_bucket_goes_on_at_once(costly: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the log was away."""
    monkeypatch.setattr(relay_module, "ROWS_A_STEP", 1)
    costly.write(1, 2, 3)
    costly.clock.pass_time(1.5)
    costly.relay_all()
    assert costly.published() == [1, 2, 3]


def test_buckets_are_closed_one_after_another_when_their_time_has_come(bench: Bench) -> None:
    bench.write(1)
    bench.clock.pass_time(1.0)
    bench.write(2)
    bench.clock.pass_time(0.9)
    bench.relay_all()
    assert bench.position() == RelayPosition("users", 0, ((NOW, 1), (NOW + 1, 1)))
    bench.clock.pass_time(0.1)
    bench.relay_all()
    assert bench.position() == RelayPosition("users", NOW + 1, ((NOW + 1, 1),))
    bench.clock.pass_time(1.0)
    bench.relay_all()
    assert bench.position() == RelayPosition("users", NOW + 2)
    assert bench.published() == [1, 2], "a last sweep repeats nothing that this process has published"


def test_a_row_that_comes_before_the_last_sweep_is_found(bench: Bench) -> None:
    bench.write(1)
    bench.relay_all()
    bench.clock.pass_time(1.999)
    bench.write(2, bucket=NOW)
    bench.clock.pass_time(0.001)
    bench.relay_all()
    assert bench.published() == [1, 2]


def test_a_bucket_stays_open_for_some_while_after_its_end(bench: Bench) -> None:
    """For writers who were on their way, and to whom their clock says that they need not look again."""
    bench.write(1)
    bench.clock.pass_time(1.7)
    bench.relay_all()
    assert not bench.rule.may_be_swept(NOW)
    bench.write(2, bucket=NOW)
    bench.clock.pass_time(0.3)
    bench.relay_all()
    assert bench.published() == [1, 2]


def test_a_row_that_is_written_again_elsewhere_is_published_again(bench: Bench) -> None:
    bench.write(1)
    bench.relay_all()
    bench.clock.pass_time(1.0)
    bench.write(1)
    bench.relay_all()
    assert bench.published() == [1, 1]


def test_a_writer_whose_clock_is_ahead_is_published_at_once(bench: Bench) -> None:
    bench.write(1, bucket=NOW + 1)
    bench.write(2, bucket=NOW + 2)
    bench.write(3, bucket=NOW + 1440)
    bench.relay_all()
    assert bench.published() == [1, 2, 3]


def test_a_clock_that_is_set_back_leaves_no_event_behind(bench: Bench) -> None:
    """What is acked then goes into a bucket that is open, and is published at once, not when the clock is there."""
    bench.write(1)
    bench.clock.pass_time(5.0)
    bench.relay_all()
    bench.clock.ms -= 600 * SECOND
    for event in (2, 3):
        bucket = bench.rule.present()
        bench.write(event, bucket=bucket)
        bench.settle(event, bucket=bucket)
        bench.relay_all()
        bench.janitor.run_once(bench.call)
    assert bench.published() == [1, 2, 3]
    assert bench.stored(NOW + 1) == [2, 3], "and stays until that bucket's time has come"


def test_a_write_between_the_last_sweep_and_the_closing_is_found(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its writer looked at the log before the relay had said there that it closes, and so has acked."""
    append, dead = bench._log.append, []

    def die_after_the_closing(*args: Any, relayed: RelayPosition | None = None, **rest: Any) -> None:
        if relayed is not None and relayed.open_from == NOW + 1 and not dead:
            bench.write(2, bucket=NOW)
            append(*args, relayed=relayed, **rest)
            dead.append(True)
            raise Unavailable("the relay")
        append(*args, relayed=relayed, **rest)

    monkeypatch.setattr(bench._log, "append", die_after_the_closing)
    bench.write(1)
    bench.clock.pass_time(2.0)
    with pytest.raises(Unavailable):
        bench.relay_all()
    bench.janitor.run_once(bench.call)
    assert bench.stored(NOW) == [1, 2], "the janitor leaves what has not been looked into"
    bench.begin_anew()
    bench.relay_all()
    assert bench.published() == [1, 1, 2], "a record that is no event's is not known for published"
    bench.janitor.run_once(bench.call)
    assert bench.stored(NOW) == []


def test_many_rows_go_in_several_steps(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "ROWS_A_STEP", 2)
    bench.write(*range(1, 6))
    assert [bench.relay.run_once(bench.call) for _ in range(3)] == [True, True, False]
    assert bench.published() == [1, 2, 3, 4, 5]
    bench.write(*range(6, 11))
    bench.clock.pass_time(2.0)
    bench.relay_all()
    assert bench.published() == [6, 7, 8, 9, 10], "also in a last sweep"
    assert bench.position() == RelayPosition("users", NOW + 1)


def test_a_relay_that_begins_anew_goes_on_and_repeats_at_most_the_open_buckets(bench: Bench) -> None:
    """Here none of its records is known for an event's."""
    bench.write(1)
    bench.clock.pass_time(2.0)
    bench.write(2)
    bench.relay_all()
    assert bench.published() == [1, 2]
    bench.begin_anew()
    bench.write(3)
    bench.relay_all()
    assert bench.published() == [3]
    bench.clock.pass_time(2.0)
    bench.relay_all()
    assert bench.published() == [2], "3 it has published itself"
    assert bench.position() == RelayPosition("users", NOW + 3)


def test_what_the_log_refused_is_published_when_it_is_back(bench: Bench) -> None:
    bench.write(1)
    bench.log.away = True
    with pytest.raises(Unavailable):
        bench.relay_all()
    bench.clock.pass_time(5.0)
    bench.write(2)
    with pytest.raises(Unavailable):
        bench.relay_all()
    bench.log.away = False
    bench.relay_all()
    assert bench.published() == [1, 2]


def test_two_relays_at_once_lose_nothing(bench: Bench) -> None:
    """The old process has not quite ended when the new one begins."""
    old = bench.relay
    bench.write(1)
    old.run_once(bench.call)
    bench.begin_anew()
    for number in range(2, 12):
        bench.write(number)
        (old if number % 2 else bench.relay).run_once(bench.call)
        bench.clock.pass_time(0.7)
    bench.relay_all()
    bench.begin_anew()
    bench.relay_all()
    assert set(bench.published()) == set(range(1, 12))


# Writers


def test_a_write_in_time_is_not_written_again(bench: Bench) -> None:
    bench.write(1)
    bench.clock.pass_time(1.799)
    bench.settle(1, bucket=NOW)
    assert bench.source.next_outbox_bucket(bench.call, NOW + 1) is None


def test_a_write_that_may_come_too_late_is_written_again(bench: Bench) -> None:
    bench.clock.pass_time(1.8)
    bench.write(1, 2, bucket=NOW)
    bench.settle(1, 2, bucket=NOW)
    assert bench.stored(NOW + 1) == [1, 2]
    assert bench.source.next_outbox_bucket(bench.call, NOW + 2) is None


def test_a_writer_that_is_slow_again_and_again_writes_again_and_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = bench.source.append_outbox

    def slow(call: Call, bucket: int, rows: Any) -> None:
        append(call, bucket, rows)
        if bucket < NOW + 9:
            bench.clock.pass_time(3.0)

    monkeypatch.setattr(bench.source, "append_outbox", slow)
    bench.clock.pass_time(3.0)
    bench.settle(1, bucket=NOW)
    last = bench.rule.present()
    assert bench.stored(last) == [1]
    assert not bench.rule.may_be_swept(last)


def test_how_far_back_the_log_may_hold_events_of_a_bucket(bench: Bench) -> None:
    """From when a writer whose clock is ahead by the margin first chooses it."""
    ahead: Any = Skewed(bench.clock, SETTINGS.margin_ms)  # type: ignore[arg-type]
    rule = BucketRule(ahead, SETTINGS)
    bench.clock.ms = bench.rule.earliest_ms(NOW)
    assert rule.present() == NOW
    bench.clock.ms -= 1
    assert rule.present() == NOW - 1


def test_writers_give_up_on_a_bucket_before_the_relay_does(bench: Bench) -> None:
    """By the margin, which is what clocks may differ by."""
    when: dict[str, int] = {}
    for _ in range(400):
        for name, rule in (
            ("writer", bench.rule.may_be_swept),
            ("relay", lambda bucket: bucket <= bench.rule.last_due()),
        ):
            if rule(NOW):
                when.setdefault(name, bench.clock.ms)
        bench.clock.ms += 10
    assert when["relay"] - when["writer"] == SETTINGS.margin_ms
    assert when["relay"] == (NOW + 1) * SECOND + SETTINGS.resweep_ms


# The janitor and the quota


def test_published_buckets_are_dropped_and_open_ones_stay(bench: Bench) -> None:
    bench.write(1)
    bench.clock.pass_time(1.0)
    bench.write(2)
    bench.janitor.run_once(bench.call)
    assert (bench.stored(NOW), bench.stored(NOW + 1)) == ([1], [2]), "nothing is on the log yet"
    bench.clock.pass_time(1.0)
    bench.relay_all()
    bench.janitor.run_once(bench.call)
    assert (bench.stored(NOW), bench.stored(NOW + 1)) == ([], [2])


def test_what_waits_is_counted(bench: Bench) -> None:
    bench.write(1, 2)
    bench.janitor.run_once(bench.call)
    assert bench.quota.waiting == 2
    bench.relay_all()
    bench.write(3)
    bench.janitor.run_once(bench.call)
    assert bench.quota.waiting == 1
    assert bench.metrics.registry.get_sample_value("murmuration_outbox_rows", {"source": "users"}) == 1


def test_in_a_closed_bucket_what_stands_above_its_tail_waits(bench: Bench) -> None:
    """Until it is swept."""
    bench.write(1, 2, 3, bucket=NOW)
    closed = RelayPosition("users", NOW + 1, ((NOW, 1),))
    bench.log.append(bench.call, (), relayed=closed)
    bench.janitor.run_once(bench.call)
    assert bench.quota.waiting == 2
    watermark = Watermark(bench.source, [bench.source], bench.log, bench.clock, bench.metrics)
    assert watermark.measure(bench.call).outbox_rows == 2 + 2, "of the posts, and of other sources"


def test_a_full_outbox_takes_nothing_more_until_it_is_relayed(bench: Bench) -> None:
    bench.log.away = True
    for number in range(SETTINGS.quota_rows):
        bench.quota.admit()
        bench.write(number)
    with pytest.raises(OutboxFull) as caught:
        bench.quota.admit()
    assert caught.value.code.name == "RESOURCE_EXHAUSTED"
    assert caught.value.retry_after
    bench.janitor.run_once(bench.call)
    with pytest.raises(OutboxFull):
        bench.quota.admit()
    bench.log.away = False
    bench.relay_all()
    bench.janitor.run_once(bench.call)
    bench.quota.admit()


def test_what_is_admitted_while_the_janitor_counts_is_not_lost(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.quota.admit()
    bench.write(1)
    count = bench.source.outbox_backlog

    def slow(*arguments: Any) -> Any:
        counted = count(*arguments)
        bench.quota.admit(2)
        return counted

    monkeypatch.setattr(bench.source, "outbox_backlog", slow)
    bench.janitor.run_once(bench.call)
    assert bench.quota.waiting == 3
    with pytest.raises(OutboxFull):
        bench.quota.admit()


def test_a_quota_counts_all_of_a_write(bench: Bench) -> None:
    bench.quota.admit(SETTINGS.quota_rows)
    with pytest.raises(OutboxFull):
        bench.quota.admit()


def test_without_the_log_nothing_is_dropped_and_all_counts(bench: Bench) -> None:
    bench.write(1)
    bench.relay_all()
    bench.clock.pass_time(5.0)
    bench.relay_all()
    bench.log.away = True
    bench.write(2)
    bench.janitor.run_once(bench.call)
    assert bench.quota.waiting == 2
    assert bench.stored(NOW) == [1]
