"""What the log on Kafka promises beyond the port: on a real broker, with members and brokers that die."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from murmuration_server.eventlog.kafka import member as members_module
from murmuration_server.eventlog.kafka.log import KafkaEventLog
from murmuration_server.eventlog.port import Consumer, NewRecord, Record, RelayPosition
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import KafkaSettings
from murmuration_server.platform.errors import DeadlineExceeded, MurmurationError, Unavailable
from tests.support.contract_adapters import Place, kafka_settings
from tests.support.contract_threads import at_once
from tests.support.factories import new_record
from tests.support.real_kafka import kafka_broker
from tools.stack.kafka import Kafka

T = TypeVar("T")

pytestmark = pytest.mark.stack

WAIT_SECONDS = 60.0
KEYS = 12
QUICK = {"session_timeout_ms": 1500, "max_poll_interval_ms": 1500}
"""Members that are gone are noticed soon."""

Opened = Callable[..., KafkaEventLog]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def opened(place: Place) -> Opened:
    """Opens the place's log once more, as another process would."""

    def open_log(**settings: Any) -> KafkaEventLog:
        log = KafkaEventLog(kafka_settings(place, **settings), place.runtime)
        place.keep(log)
        return log

    return open_log


def send(log: KafkaEventLog, call: Call, start: int, count: int) -> None:
    """Numbers, each under a key; those of a key grow."""
    log.append(call, [new_record("topic", n % KEYS, b"%d" % n) for n in range(start, start + count)])


class Work:
    """What the members of a group have handled, in the order in which they did."""

    def __init__(self) -> None:
        self.handled: list[Record] = []

    def step(self, log: KafkaEventLog, consumer: Consumer, call: Call, limit: int = 20) -> int:
        """Handles what comes and commits it; what fails comes again."""
        try:
            records = consumer.poll(call, limit, 0.1)
            self.handled += records
            log.append(call, [], consumed=("group", records))
        except MurmurationError:
            return 0
        return len(records)

    def until(self, call: Call, enough: Callable[[], bool], *members: tuple[KafkaEventLog, Consumer]) -> None:
        deadline = call.runtime.monotonic() + WAIT_SECONDS
        while not enough():
            assert call.runtime.monotonic() < deadline, f"{len(self.seen())} seen"
            for log, consumer in members:
                self.step(log, consumer, call)

    def seen(self) -> set[int]:
        return {int(record.value) for record in self.handled}

    def check_order(self) -> None:
        """Of each key, nothing is handled for the first time before what lies in front of it."""
        last: dict[int, int] = {}
        first_time: set[int] = set()
        for record in self.handled:
            number = int(record.value)
            if number not in first_time:
                first_time.add(number)
                assert number > last.get(record.key, -1), f"{number} of key {record.key} after {last[record.key]}"
                last[record.key] = number


def partitions_seen(records: list[Record]) -> set[int]:
    return {record.partition for record in records}


def test_a_topic_is_made_as_the_settings_say(opened: Opened, place: Place, call: Call) -> None:
    log = opened(partitions=5, retention_hours=2, dead_letter_hours=3)
    log.ensure_topics(call, ["topic", "dead-letters"])
    admin = AdminClient({"bootstrap.servers": kafka_broker().address})

    def config(topic: str) -> dict[str, str]:
        resource = ConfigResource(ConfigResource.Type.TOPIC, kafka_settings(place).prefix + topic)
        [future] = admin.describe_configs([resource]).values()
        return {name: entry.value for name, entry in future.result(10).items()}

    assert config("topic")["retention.ms"] == str(2 * 3_600_000)
    assert config("dead-letters")["retention.ms"] == str(3 * 3_600_000)
    assert config("topic")["min.insync.replicas"] == "1"
    send(log, call, 0, 100)
    assert len(partitions_seen(log.read(call, "topic", {}, 100))) == 5


def test_an_old_origin_makes_no_record_old(opened: Opened, place: Place, call: Call) -> None:
    """Retention goes by Kafka's timestamp: that is when the record came, whatever it is about."""
    log = opened(partitions=1)
    log.append(call, [NewRecord("topic", 1, 1_000_000_000_000, b"about something long ago")])
    plain = KafkaConsumer({"bootstrap.servers": kafka_broker().address, "group.id": "plain"})
    plain.assign([TopicPartition(kafka_settings(place).prefix + "topic", 0, 0)])
    message = plain.poll(10)
    plain.close()
    assert message is not None
    # In 2001 nobody ran this test.
    assert message.timestamp()[1] > 1_700_000_000_000
    assert log.read(call, "topic", {}, 1)[0].origin_ms == 1_000_000_000_000


def test_a_topic_keeps_its_partitions_when_the_setting_changes(opened: Opened, call: Call) -> None:
    send(opened(partitions=3), call, 0, 50)
    later = opened(partitions=1)
    send(later, call, 50, 50)
    records = later.read(call, "topic", {}, 100)
    assert len({(record.key, record.partition) for record in records}) == KEYS, "keys stay where they were"
    assert len(partitions_seen(records)) == 3


def test_a_topic_made_by_several_at_once_is_one_topic(opened: Opened, call: Call) -> None:
    logs = [opened() for _ in range(4)]
    at_once([lambda log=log: send(log, call, 0, 10) for log in logs])
    assert len(logs[0].read(call, "topic", {}, 100)) == 40


def test_too_few_brokers_are_said_to_be_too_few(opened: Opened, call: Call) -> None:
    with pytest.raises(Unavailable, match=r"fewer brokers than kafka\.replication_factor, 3"):
        send(opened(replication_factor=3, min_insync_replicas=2), call, 0, 1)


def test_members_of_a_group_share_its_partitions(opened: Opened, call: Call) -> None:
    writer = opened(partitions=4)
    logs = [opened(), opened()]
    members = [(log, log.consumer("group", ["topic"])) for log in logs]
    works = [Work(), Work()]
    sent = 0
    deadline = call.runtime.monotonic() + WAIT_SECONDS
    # Both have come when each gets something of the same sending.
    while not all(work.handled for work in works):
        assert call.runtime.monotonic() < deadline
        send(writer, call, sent, 100)
        sent += 100
        for work in works:
            work.handled.clear()
        for _ in range(10):
            for work, member in zip(works, members, strict=True):
                work.step(*member, call)
    mine, others = (partitions_seen(work.handled) for work in works)
    assert len(mine | others) == 4
    assert not mine & others


def test_members_come_and_go_while_working(opened: Opened, call: Call) -> None:
    writer, first, second = opened(partitions=4), opened(), opened()
    one = first, first.consumer("group", ["topic"])
    other = second, second.consumer("group", ["topic"])
    work, sent = Work(), 0

    def more() -> None:
        nonlocal sent
        send(writer, call, sent, 200)
        sent += 200

    more()
    work.until(call, lambda: len(work.seen()) > 100, one)
    more()
    mark = len(work.handled)
    # The second takes some over, in the middle of the work of the first.
    work.until(call, lambda: len(work.seen()) == sent, one, other)
    for _ in range(5):
        more()
        work.until(call, lambda: len(work.seen()) == sent, one, other)
    assert len(partitions_seen(work.handled[mark:])) == 4
    more()
    first.close()
    work.until(call, lambda: len(work.seen()) == sent, other)
    work.check_order()
    assert sum(row.records for row in writer.backlog(call)) == 0


def test_a_late_commit_of_a_member_that_was_given_up_moves_nothing(opened: Opened, call: Call) -> None:
    send(opened(), call, 0, 30)
    slow, quick = opened(**QUICK), opened()
    zombie = slow.consumer("group", ["topic"])
    deadline = call.runtime.monotonic() + WAIT_SECONDS
    while len(late := zombie.poll(call, 10, 0.1)) < 10:
        assert call.runtime.monotonic() < deadline
    # It does not come back for longer than it may: the group goes on without it.
    work = Work()
    member = quick, quick.consumer("group", ["topic"])
    work.until(call, lambda: len(work.seen()) == 30, member)
    with pytest.raises(Unavailable):
        zombie.commit(call, late)
    assert sum(row.records for row in quick.backlog(call)) == 0
    send(quick, call, 30, 30)
    work.until(call, lambda: len(work.seen()) == 60, member, (slow, zombie))
    zombie.commit(call, late)
    assert sum(row.records for row in quick.backlog(call)) == 0


_DIES = """
import sys
from murmuration_server.eventlog.kafka.log import KafkaEventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import KafkaSettings
from murmuration_server.platform.runtime import ThreadRuntime
runtime = ThreadRuntime()
log = KafkaEventLog(KafkaSettings.model_validate_json(sys.argv[1]), runtime)
consumer, done = log.consumer("group", ["topic"]), 0
while True:
    records = consumer.poll(Call.background(runtime), 5, 0.1)
    if done >= 10 and records:
        print("in the middle of a batch", flush=True)
        sys.stdin.read()
    log.append(Call.background(runtime), [], consumed=("group", records))
    done += len(records)
"""


def test_what_a_relay_stores_late_takes_nothing_back(opened: Opened, call: Call) -> None:
    """It stood still while another went on."""
    log = opened()
    further, late = RelayPosition("source", 3, ((3, 20), (4, 5)), 21), RelayPosition("source", 3, ((3, 10), (4, 7)), 11)
    for position in (further, late, RelayPosition("source", 2, ((2, 30),), 5)):
        log.append(call, [], relayed=position)
    assert log.relay_position(call, "source") == RelayPosition("source", 3, ((3, 20), (4, 7)), 21)
    assert opened().relay_position(call, "source") == RelayPosition("source", 3, ((3, 20), (4, 7)), 21)


class InterruptedConsumer(KafkaConsumer):
    """A real one. Each list of records that it hands over has an error in front, as when a coordinator moves."""

    def consume(self, *arguments: Any) -> list[Message]:
        messages = super().consume(*arguments)
        return [Message(error=KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE)), *messages] if messages else []


def test_records_behind_an_error_are_not_lost(opened: Opened, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members_module, "Consumer", InterruptedConsumer)
    log, work = opened(partitions=1), Work()
    send(log, call, 0, 200)
    work.until(call, lambda: 199 in work.seen(), (log, log.consumer("group", ["topic"])))
    assert work.seen() == set(range(200))


def test_a_member_killed_in_the_middle_of_a_batch(opened: Opened, place: Place, call: Call) -> None:
    log = opened(**QUICK)
    send(log, call, 0, 100)
    settings = kafka_settings(place, **QUICK).model_dump_json()
    with subprocess.Popen(
        [sys.executable, "-c", _DIES, settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle of a batch\n"
        process.kill()
    work = Work()
    waiting = sum(row.records for row in log.backlog(call))
    assert waiting <= 90
    work.until(call, lambda: len(work.seen()) >= waiting, (log, log.consumer("group", ["topic"])))
    assert len(work.handled) == waiting, "what was committed does not come again, and all else does"
    assert sum(row.records for row in log.backlog(call)) == 0


@pytest.fixture
def own_broker() -> Iterator[Kafka]:
    """A broker for one test to kill."""
    with tempfile.TemporaryDirectory(prefix="murmuration-kafka-") as folder:
        broker = Kafka(Path(folder))
        broker.start()
        yield broker
        broker.kill()


def log_on(broker: Kafka, place: Place) -> KafkaEventLog:
    settings = KafkaSettings(
        bootstrap_servers=broker.address, replication_factor=1, min_insync_replicas=1, partitions=4
    )
    log = KafkaEventLog(settings, place.runtime)
    place.keep(log)
    return log


def answered(call: Call, ask: Callable[[], T]) -> T:
    """The first answer that says something; a log that begins, or is back, may have none at first."""
    deadline = call.runtime.monotonic() + WAIT_SECONDS
    while True:
        try:
            if answer := ask():
                return answer
        except (Unavailable, DeadlineExceeded):
            pass
        assert call.runtime.monotonic() < deadline


def brief(call: Call) -> Call:
    return call.within(2.0)


def test_a_broker_that_is_gone_says_so_in_time_and_loses_nothing(own_broker: Kafka, place: Place, call: Call) -> None:
    log, runtime = log_on(own_broker, place), place.runtime
    consumer, work, acked = log.consumer("group", ["topic"]), Work(), 0
    position = RelayPosition("source", 1)
    log.append(call, [], relayed=position)

    def try_to_send() -> bool:
        nonlocal acked
        try:
            send(log, brief(call), acked, 50)
        except (Unavailable, DeadlineExceeded):
            return False
        acked += 50
        return True

    assert try_to_send()
    work.until(call, lambda: len(work.seen()) == acked, (log, consumer))
    assert try_to_send()
    own_broker.kill()
    for ask in (
        lambda: log.append(brief(call), [new_record("topic", KEYS, b"10000")]),
        lambda: log.relay_position(brief(call), "source"),
        lambda: log.backlog(brief(call)),
        lambda: log.read(brief(call), "topic", {}, 1),
    ):
        began = runtime.monotonic()
        with pytest.raises((Unavailable, DeadlineExceeded)):
            ask()
        assert runtime.monotonic() - began < 3.0, "no longer than the call has"
    with pytest.raises((Unavailable, DeadlineExceeded)):  # noqa: PT012 - what was fetched ahead comes first
        while True:
            log.append(brief(call), [], consumed=("group", consumer.poll(brief(call), 100, 0.1)))
    own_broker.start()
    began = runtime.monotonic()
    while not try_to_send():
        assert runtime.monotonic() - began < WAIT_SECONDS
    assert log.relay_position(call, "source") == position
    work.until(call, lambda: work.seen() >= set(range(acked)), (log, consumer))
    print(f"\nall was handled {runtime.monotonic() - began:.1f} s after the broker came back")
    work.check_order()


LONGER_THAN_A_BROKERS_SESSION = 12.0


def test_a_broker_that_was_fenced_is_asked_again(own_broker: Kafka, place: Place, call: Call) -> None:
    """It stood still for so long that its partitions had no leader, and the library has heard so."""
    log, runtime, position = log_on(own_broker, place), place.runtime, RelayPosition("source", 1)
    log.append(call, [new_record("topic", 1)], relayed=position)
    enough = runtime.event()

    def go_on_asking() -> None:
        while not enough.is_set():
            for ask in (lambda: log.relay_position(brief(call), "source"), lambda: log.backlog(brief(call))):
                try:
                    ask()
                except (Unavailable, DeadlineExceeded):
                    enough.wait(0.1)

    with ThreadPoolExecutor(3) as pool:
        askers = [pool.submit(go_on_asking) for _ in range(3)]
        try:
            own_broker.pause()
            stopped = runtime.monotonic()
            while runtime.monotonic() - stopped < LONGER_THAN_A_BROKERS_SESSION:
                enough.wait(0.1)
            own_broker.resume()
            assert answered(call, lambda: log.relay_position(brief(call), "source")) == position
        finally:
            enough.set()
    assert [asker.result() for asker in askers] == [None] * 3


_MEASURES = """
import sys
from murmuration_server.eventlog.kafka.log import KafkaEventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import KafkaSettings
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.runtime import ThreadRuntime
runtime = ThreadRuntime()
log = KafkaEventLog(KafkaSettings.model_validate_json(sys.argv[1]), runtime)
for _ in sys.stdin:
    answers = 0
    while answers < 20:
        try:
            answers += bool(log.backlog(Call.background(runtime, 2.0)))
        except MurmurationError:
            pass
    print("measured", flush=True)
"""
BROKER_DIES = 4


@pytest.mark.timeout(300)
def test_measuring_outlives_brokers(own_broker: Kafka, place: Place, call: Call) -> None:
    """The library has requests that end the process where a connection breaks at the wrong moment."""
    log, groups = log_on(own_broker, place), [f"group-{number}" for number in range(6)]
    for number, group in enumerate(groups):
        consumer = log.consumer(group, ["topic"])
        send(log, call, number, 1)
        answered(call, lambda consumer=consumer: consumer.poll(call, 10, 0.1))
    settings = KafkaSettings(bootstrap_servers=own_broker.address).model_dump_json()
    with subprocess.Popen(
        [sys.executable, "-c", _MEASURES, settings], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for _ in range(BROKER_DIES):
                print("go on", file=process.stdin, flush=True)
                assert process.stdout.readline() == "measured\n"
                print("go on", file=process.stdin, flush=True)
                own_broker.kill()
                own_broker.start()
                assert process.stdout.readline() == "measured\n"
            process.stdin.close()
            assert process.wait(WAIT_SECONDS) == 0
        finally:
            process.kill()


def test_writers_do_not_all_wait_for_a_broker_that_is_silent(own_broker: Kafka, place: Place, call: Call) -> None:
    """They ask for the relay's position before each ack. The broker is cut off without dying: nothing refuses them."""
    log, runtime = log_on(own_broker, place), place.runtime
    position = RelayPosition("source", 1)
    log.append(call, [new_record("topic", 1)], relayed=position)
    assert answered(call, lambda: log.relay_position(call, "source")) == position
    consumer = log.consumer("group", ["topic"])
    answered(call, lambda: consumer.poll(call, 1, 0.1))
    answered(call, lambda: log.backlog(call))
    own_broker.pause()
    with pytest.raises((Unavailable, DeadlineExceeded)):  # noqa: PT012 - it may answer once more as it stops
        while True:
            assert log.relay_position(call, "source") == position
    began = runtime.monotonic()
    for _ in range(50):
        with pytest.raises((Unavailable, DeadlineExceeded)):
            log.relay_position(call, "source")
        assert runtime.monotonic() - began < 6.0, "one a second waits, and all others are told at once"
    for _ in range(3):
        with pytest.raises((Unavailable, DeadlineExceeded)):
            log.backlog(brief(call))
        with pytest.raises((Unavailable, DeadlineExceeded)):
            log.read(brief(call), "topic", {}, 1)
    own_broker.resume()
    assert answered(call, lambda: log.relay_position(call, "source")) == position


def test_what_came_before_a_time_need_not_be_read(opened: Opened, call: Call) -> None:
    log = opened()
    records = [new_record("topic", key) for key in range(KEYS)]
    log.append(call, records)
    before_ms = time.time_ns() // 1_000_000
    while (since_ms := time.time_ns() // 1_000_000) == before_ms:
        pass
    assert log.read(call, "topic", log.offsets_since(call, "topic", since_ms), 100) == []
    log.append(call, records[:1])
    [found] = log.read(call, "topic", log.offsets_since(call, "topic", since_ms), 100)
    assert found.key == records[0].key
