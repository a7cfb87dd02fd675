"""A consumer group's step: nothing is lost, nothing is skipped, and poison stops nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from murmuration.events.v1 import events_pb2
from murmuration_server.eventlog import events as log_events
from murmuration_server.eventlog.consume import ConsumeStep, Received
from murmuration_server.eventlog.dead_letter import DeadLetter, LetterState
from murmuration_server.eventlog.envelope import DEAD_LETTERS, SCHEMA_VERSION, Poison, envelope
from murmuration_server.eventlog.port import EventLog, NewRecord, Record
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import DeadlineExceeded, Internal, Overloaded, Unavailable
from murmuration_server.platform.metrics import Metrics
from tests.support.contract_clock import START_MS, SetClock
from tests.support.factories import new_record

CLOCK = SetClock()
BATCH = 100


@pytest.fixture
def call() -> Call:
    return Call.background(CLOCK, 600)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteEventLog]:
    made = SqliteEventLog(tmp_path / "log.db", CLOCK, 2)
    yield made
    made.close()


class Handler:
    """Notes which users' events it has handled; `fault` may object to one."""

    def __init__(self, fault: Callable[[int], Exception | None] = lambda user_id: None) -> None:
        self.fault, self.handled = fault, []
        self.batches: list[int] = []

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        self.batches.append(len(events))
        ids = [received.envelope.user_created.user_id for received in events]
        for user_id in ids:
            error = self.fault(user_id)
            if error is not None:
                raise error
        self.handled += ids
        return [new_record("out", user_id, b"%d" % user_id) for user_id in ids]


class Bench:
    def __init__(self, log: Any, handler: Handler) -> None:
        self.log, self.handler, self.metrics = log, handler, Metrics()
        self.step = ConsumeStep(log, "group", ["in"], handler, self.metrics, BATCH, wait_seconds=0)

    def run(self, call: Call) -> int:
        """Runs until nothing is left; answers how many steps that took."""
        steps = 0
        while self.step.run_once(call):
            steps += 1
            assert steps < 1000
        return steps

    def dead_letters(self) -> float:
        found = self.metrics.registry.get_sample_value("murmuration_dead_letters_total", {"group": "group"})
        return found or 0.0


def event(call: Call, user_id: int) -> bytes:
    made = envelope(call, user_id, START_MS)
    made.user_created.user_id = user_id
    return made.SerializeToString()


def send(log: EventLog, call: Call, *user_ids: int, key: int | None = None) -> None:
    log.append(call, [new_record("in", key or user_id, event(call, user_id)) for user_id in user_ids])


def lying(log: EventLog, call: Call, topic: str) -> list[Record]:
    return log.consumer("looking on", [topic]).poll(call, 1000)


def letter_in(record: Record) -> DeadLetter:
    found = log_events.read(record.value)
    assert isinstance(found, DeadLetter)
    return found


def test_all_is_handled_once_and_committed(log: SqliteEventLog, call: Call) -> None:
    bench = Bench(log, Handler())
    assert bench.step.run_once(call) is False
    send(log, call, *range(1, 11))
    assert bench.run(call) == 1
    assert sorted(bench.handler.handled) == list(range(1, 11))
    assert bench.step.run_once(call) is False
    assert sorted(int(record.value) for record in lying(log, call, "out")) == list(range(1, 11))


def test_a_hundred_with_one_poison_among_them_leave_ninety_nine(log: SqliteEventLog, call: Call) -> None:
    bench = Bench(log, Handler(lambda user_id: Poison("cannot") if user_id == 37 else None))
    send(log, call, *range(1, 101))
    bench.run(call)
    assert sorted(set(bench.handler.handled)) == [n for n in range(1, 101) if n != 37]
    [letter] = lying(log, call, DEAD_LETTERS)
    opened = letter_in(letter)
    assert events_pb2.Envelope.FromString(opened.value).user_created.user_id == 37
    assert (opened.group, opened.topic, opened.key, opened.origin_ms) == ("group", "in", 37, START_MS)
    assert (opened.state, opened.set_aside_ms, opened.reason) == (LetterState.OPEN, START_MS, "Poison('cannot')")
    [lay] = [record for record in log.read(call, "in", {}, 1000) if record.key == 37]
    assert (opened.partition, opened.offset) == (lay.partition, lay.offset)
    assert bench.dead_letters() == 1
    assert sorted(int(record.value) for record in lying(log, call, "out")) == [n for n in range(1, 101) if n != 37]


def test_poison_does_not_change_the_order_of_a_key(log: SqliteEventLog, call: Call) -> None:
    bench = Bench(log, Handler(lambda user_id: Poison("cannot") if user_id == 3 else None))
    send(log, call, *range(1, 8), key=1)
    bench.run(call)
    assert bench.handler.handled == [1, 2, 4, 5, 6, 7]


@pytest.mark.parametrize("error", [ValueError("unforeseen"), Internal("x"), Poison("known")])
def test_what_fails_for_ever_is_set_aside(log: SqliteEventLog, call: Call, error: Exception) -> None:
    bench = Bench(log, Handler(lambda user_id: error if user_id == 1 else None))
    send(log, call, 1, 2)
    bench.run(call)
    assert bench.handler.handled == [2]
    assert len(lying(log, call, DEAD_LETTERS)) == 1


@pytest.mark.parametrize("error", [Unavailable("x"), DeadlineExceeded(), Overloaded("x")])
def test_what_may_pass_is_tried_again_later(log: SqliteEventLog, call: Call, error: Exception) -> None:
    faults = [error, error]
    bench = Bench(log, Handler(lambda user_id: faults.pop() if faults else None))
    send(log, call, 1, 2, 3)
    for _ in range(2):
        with pytest.raises(type(error)):
            bench.step.run_once(call)
        assert lying(log, call, DEAD_LETTERS) == []
    bench.run(call)
    assert sorted(bench.handler.handled) == [1, 2, 3]
    assert bench.dead_letters() == 0


def test_what_may_pass_is_tried_again_behind_poison_too(log: SqliteEventLog, call: Call) -> None:
    """The batch is taken apart for its poison; in the middle of that a part goes away and comes back."""
    away = [True]

    def fault(user_id: int) -> Exception | None:
        if user_id == 2:
            return Poison("cannot")
        return Unavailable("x") if user_id == 3 and away[0] else None

    bench = Bench(log, Handler(fault))
    send(log, call, 1, 2, 3, 4, key=1)
    with pytest.raises(Unavailable):
        bench.step.run_once(call)
    assert bench.handler.handled == [1]
    away.clear()
    away.append(False)
    bench.run(call)
    assert bench.handler.handled == [1, 3, 4]
    assert bench.dead_letters() == 1


@pytest.mark.parametrize(
    "value",
    [
        b"\xffgarbage",
        b"",
        events_pb2.Envelope(schema_version=SCHEMA_VERSION).SerializeToString(),
        events_pb2.Envelope(
            schema_version=SCHEMA_VERSION + 1, user_created=events_pb2.UserCreated(user_id=9)
        ).SerializeToString(),
    ],
    ids=["no envelope", "empty", "no payload", "a newer schema"],
)
def test_what_cannot_be_opened_is_set_aside_unhandled(log: SqliteEventLog, call: Call, value: bytes) -> None:
    bench = Bench(log, Handler())
    log.append(call, [new_record("in", 1, value)])
    send(log, call, 2, key=1)
    bench.run(call)
    assert bench.handler.handled == [2]
    assert [letter_in(record).value for record in lying(log, call, DEAD_LETTERS)] == [value]


def test_a_batch_is_bounded(log: SqliteEventLog, call: Call) -> None:
    bench = Bench(log, Handler())
    send(log, call, *range(1, 251), key=1)
    assert bench.run(call) == 3
    assert bench.handler.batches == [100, 100, 50]


class Forgetful:
    """A log whose first append after a handling is lost: the process dies there."""

    def __init__(self, log: EventLog) -> None:
        self._log, self.lose = log, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def append(self, call: Call, records: Any, **more: Any) -> None:
        if self.lose:
            self.lose = False
            raise Unavailable("the log")
        self._log.append(call, records, **more)


def test_what_was_handled_and_not_committed_comes_again(log: SqliteEventLog, call: Call) -> None:
    bench = Bench(Forgetful(log), Handler())
    send(log, call, 1, 2, key=1)
    with pytest.raises(Unavailable):
        bench.step.run_once(call)
    assert lying(log, call, "out") == []
    bench.run(call)
    assert bench.handler.handled == [1, 2, 1, 2]
    assert len(lying(log, call, "out")) == 2


class Slow(Handler):
    """Each event takes `seconds` of the time of the step."""

    def __init__(self, clock: SetClock, seconds: float) -> None:
        super().__init__()
        self._clock, self.seconds = clock, seconds

    def handle(self, call: Call, events: Sequence[Received]) -> Sequence[NewRecord]:
        for _ in events:
            self._clock.pass_time(self.seconds)
            call.remaining()
        return super().handle(call, events)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Bench]:
    clock = SetClock()
    log = SqliteEventLog(tmp_path / "slow.db", clock, 4)
    yield Bench(log, Slow(clock, 1.0))
    log.close()


def step(bench: Bench, seconds: float) -> bool:
    """One, with so much time. False where that was too little, or where nothing is left."""
    clock = bench.handler._clock  # type: ignore[attr-defined]
    try:
        return bench.step.run_once(Call.background(clock, seconds))
    except DeadlineExceeded:
        return False


def test_what_does_not_fit_into_a_step_is_handled_in_several(slow: Bench) -> None:
    send(slow.log, Call.background(SetClock(), 600), *range(1, 61))
    for _ in range(20):
        step(slow, 10.5)
    assert sorted(slow.handler.handled) == list(range(1, 61)), "each once"
    assert slow.handler.batches == [7] * 8 + [4]


def test_what_fails_for_another_reason_is_tried_again_whole(log: SqliteEventLog, call: Call) -> None:
    faults = [Unavailable("the database"), None]
    bench = Bench(log, Handler(lambda user_id: faults.pop(0) if faults else None))
    send(log, call, *range(1, 11))
    with pytest.raises(Unavailable):
        bench.step.run_once(call)
    bench.run(call)
    assert bench.handler.batches == [10, 10]


def test_one_event_that_takes_almost_all_of_a_step_stops_nobody(slow: Bench) -> None:
    send(slow.log, Call.background(SetClock(), 600), 1, 2, 3)
    for _ in range(10):
        step(slow, 1.5)
    assert sorted(slow.handler.handled) == [1, 2, 3]


def test_when_steps_are_quick_again_they_take_more(slow: Bench) -> None:
    send(slow.log, Call.background(SetClock(), 600), *range(1, 61))
    while not step(slow, 10.5):
        pass
    slow.handler.seconds = 0.001  # type: ignore[attr-defined]
    for _ in range(4):
        step(slow, 10.5)
    assert slow.handler.batches == [7, 7, 14, 28, 4]
    send(slow.log, Call.background(SetClock(), 600), *range(61, 161))
    step(slow, 10.5)
    assert slow.handler.batches[-1] == 100


def test_with_few_at_once_all_partitions_have_their_turn(slow: Bench) -> None:
    call = Call.background(SetClock(), 600)
    for key in range(1, 5):
        send(slow.log, call, *range(key * 100, key * 100 + 8), key=key)
    places = {record.partition for record in lying(slow.log, call, "in")}
    assert len(places) > 1
    while not step(slow, 5.5):
        pass
    first = {user_id // 100 for user_id in slow.handler.handled}
    assert len(first) > 1
    for user_id in slow.handler.handled:
        assert user_id % 100 < 4, "the first ones of each"
