"""Positions of relays on Kafka, with a reader that answers by the clock of the test."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from murmuration_server.eventlog.kafka.positions import AGAIN_SECONDS, ENOUGH_SECONDS, Positions
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import OutboxSettings
from murmuration_server.platform.errors import DeadlineExceeded, Unavailable
from tests.support.contract_clock import SetClock

SETTINGS = OutboxSettings()
ANSWERS_AFTER = 0.01


class Reader:
    """Holds one position. Whoever has not the time for the answer gets none."""

    def __init__(self, clock: SetClock, open_from: int) -> None:
        self.clock, self.after, self.asked = clock, ANSWERS_AFTER, 0
        self._value = json.dumps(["tweets", open_from, []]).encode()

    def ends(self, call: Call, places: Any) -> Any:
        self.asked += 1
        given = call.remaining()
        self.clock.pass_time(min(given, self.after))
        if given < self.after:
            raise Unavailable("the log")
        return dict.fromkeys(places, 1)

    def read(self, call: Call, spans: Any, page: int) -> Any:
        return {place: [SimpleNamespace(value=self._value, offset=0)] for place in spans}


class Bench:
    def __init__(self) -> None:
        self.clock = SetClock()
        self.closed_below = self.clock.ms // SETTINGS.bucket_ms + 10
        self.reader = Reader(self.clock, self.closed_below)
        topics: Any = SimpleNamespace(ensure=lambda *_: None)
        nothing: Any = None
        reader: Any = self.reader
        self.positions = Positions(nothing, topics, nothing, reader, self.clock)

    def ask(self, seconds: float) -> int:
        found = self.positions.last(Call.background(self.clock, seconds), "tweets")
        assert found is not None
        return found.open_from

    def settle(self, seconds: float) -> list[int]:
        """Of a writer whose clock was set back: the buckets into which he writes again before he acks."""
        written: list[int] = []
        log: Any = SimpleNamespace(relay_position=self.positions.last)
        source: Any = SimpleNamespace(
            outbox_name="tweets", append_outbox=lambda _call, bucket, _rows: written.append(bucket)
        )
        rule = BucketRule(self.clock, SETTINGS, log)
        rule.settle(Call.background(self.clock, seconds), source, rule.present(), [])
        return written


def test_one_caller_in_a_hurry_does_not_stop_the_others_from_looking() -> None:
    bench = Bench()
    with pytest.raises(Unavailable):
        bench.ask(ANSWERS_AFTER / 2)
    assert bench.settle(10) == [bench.closed_below]


def test_a_log_that_is_silent_is_not_asked_by_everybody() -> None:
    bench = Bench()
    bench.reader.after = 60.0
    with pytest.raises(Unavailable):
        bench.ask(2 * ENOUGH_SECONDS)
    for _ in range(3):
        with pytest.raises(Unavailable):
            bench.ask(10)
    assert bench.reader.asked == 1
    bench.clock.pass_time(AGAIN_SECONDS)
    with pytest.raises(Unavailable):
        bench.ask(ENOUGH_SECONDS / 2)
    bench.reader.after = ANSWERS_AFTER
    assert bench.ask(10) == bench.closed_below, "who tried again in a hurry stands in nobody's way"


def test_a_writer_without_time_for_the_look_does_not_ack() -> None:
    bench = Bench()
    with pytest.raises(DeadlineExceeded):
        bench.settle(ANSWERS_AFTER / 2)
