"""The figures of delivery, also while the log does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from murmuration_server.eventlog.envelope import TWEETS
from murmuration_server.eventlog.outbox import BucketRule, OutboxRow
from murmuration_server.eventlog.relay import Relay
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import OutboxSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.watermark import PLANNER_GROUP, Watermark
from murmuration_server.users.stores.sqlite import SqliteUserStore
from tests.support.contract_clock import SetClock
from tests.support.factories import new_record
from tests.support.port_wrapper import Breakable, Broken

LANE = {"group": PLANNER_GROUP, "topic": TWEETS}


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock, self.metrics = SetClock(), Metrics()
        self.call = Call.background(self.clock, 600)
        self.file = SqliteEventLog(folder / "log.db", self.clock, 1)
        self.log = Breakable(self.file)
        self.source = SqliteUserStore(folder / "users.db", self.clock)
        self.watermark = Watermark(self.source, (), self.log, self.clock, self.metrics)
        self.consumer = self.file.consumer(PLANNER_GROUP, [TWEETS])
        self.consumer.poll(self.call, 1)

    def figure(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(f"murmuration_{name}", labels)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.file.close()
    made.source.close()


def test_how_old_what_waits_is(bench: Bench) -> None:
    bench.file.append(bench.call, [new_record(TWEETS, 1, origin_ms=bench.clock.ms)])
    bench.clock.pass_time(7)
    bench.watermark.run_once(bench.call)
    assert (bench.figure("log_backlog", **LANE), bench.figure("log_lag_seconds", **LANE)) == (1, 7)
    assert bench.figure("delivery_lag_seconds") == 7
    bench.consumer.commit(bench.call, bench.consumer.poll(bench.call, 10))
    bench.watermark.run_once(bench.call)
    assert (bench.figure("log_backlog", **LANE), bench.figure("log_lag_seconds", **LANE)) == (0, 0)
    assert bench.figure("delivery_lag_seconds") == 0


def test_what_moves_to_the_log_between_two_looks_is_not_taken_for_delivered(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    acked_ms, rule = bench.clock.ms, BucketRule(bench.clock, OutboxSettings())
    bench.source.append_outbox(bench.call, rule.present(), [OutboxRow(1, TWEETS, 1, acked_ms, b"acked")])
    bench.clock.pass_time(7)
    relay = Relay(bench.source, bench.file, rule, bench.metrics)

    def move_after(port: object, look: str) -> None:
        now_seen = getattr(port, look)

        def seen(*arguments: object) -> object:
            found = now_seen(*arguments)
            relay.run_once(bench.call)
            return found

        monkeypatch.setattr(port, look, seen)

    move_after(bench.source, "outbox_backlog")
    move_after(bench.file, "backlog")
    assert bench.watermark.measure(bench.call).until_ms == acked_ms


def test_lag_grows_while_the_log_does_not_answer(bench: Bench) -> None:
    bench.watermark.run_once(bench.call)
    delivered = bench.watermark.last()
    bench.log.broken = {"backlog"}
    bench.clock.pass_time(30)
    with pytest.raises(Broken):
        bench.watermark.run_once(bench.call)
    assert bench.figure("delivery_lag_seconds") == 30
    assert bench.watermark.last() == delivered, "what was delivered then is delivered still, and no more is known"
