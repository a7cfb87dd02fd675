"""How fast the log on Kafka is beside the client library alone; `pytest -s -m stack` prints it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from murmuration_server.eventlog.kafka.log import KafkaEventLog
from murmuration_server.platform.call import Call
from tests.support.contract_adapters import Place, kafka_settings
from tests.support.factories import new_record
from tests.support.real_kafka import kafka_broker

pytestmark = pytest.mark.stack

RECORDS, BATCH, VALUE = 20_000, 1000, b"x" * 200
ROUNDS = 5
FLOOR = 0.1
"""Of the library alone. Far below what is measured: only a loss of a whole order fails."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_appends_and_polls_beside_the_library_alone(place: Place, call: Call) -> None:
    settings = kafka_settings(place, partitions=4)
    log = KafkaEventLog(settings, place.runtime)
    place.keep(log)
    log.ensure_topics(call, ["topic", "bare"])
    bare = {"bootstrap.servers": kafka_broker().address, "log_level": 2}
    producer = Producer(
        bare | {"acks": "all", "enable.idempotence": True, "linger.ms": 1, "queue.buffering.max.messages": 100_000}
    )
    topic = f"{settings.prefix}bare"

    def append_ours() -> None:
        for start in range(0, RECORDS, BATCH):
            log.append(call, [new_record("topic", key, VALUE) for key in range(start, start + BATCH)])

    def append_bare() -> None:
        for start in range(0, RECORDS, BATCH):
            for number in range(start, start + BATCH):
                producer.produce(topic, VALUE, b"%d" % number, number % 4)
            producer.flush()

    member = log.consumer("group", ["topic"])
    reader = Consumer(bare | {"group.id": f"{settings.prefix}b", "auto.offset.reset": "earliest"})
    reader.subscribe([topic])

    def poll_ours() -> None:
        left = RECORDS
        while left > 0:
            records = member.poll(call, BATCH, 0.1)
            log.append(call, [], consumed=("group", records))
            left -= len(records)

    def poll_bare() -> None:
        left = RECORDS
        while left > 0:
            messages = reader.consume(4 * BATCH, 0.1)
            for message in messages:
                message.key(), message.value(), message.offset()
            left -= len(messages)
            if messages:
                reader.commit(asynchronous=False)

    # The first round joins groups and finds leaders; it does not count.
    rounds = [[seconds(work) for work in (append_ours, append_bare, poll_ours, poll_bare)] for _ in range(ROUNDS + 1)]
    reader.close()
    ours, plain, polled, polled_plain = (statistics.median(times) for times in zip(*rounds[1:], strict=True))
    print(f"\n{RECORDS} records of {len(VALUE)} bytes, {BATCH} an append, medians of {ROUNDS} rounds, records/s:")
    print(f"  append {RECORDS / ours:9,.0f}   the library alone {RECORDS / plain:9,.0f}   ratio {plain / ours:.2f}")
    print(
        f"  poll   {RECORDS / polled:9,.0f}   the library alone {RECORDS / polled_plain:9,.0f}   "
        f"ratio {polled_plain / polled:.2f}"
    )
    assert plain / ours > FLOOR
    assert polled_plain / polled > FLOOR
