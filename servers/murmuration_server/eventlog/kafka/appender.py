"""Appends that are durable when they return: one idempotent producer for all tasks of the process."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from murmuration_server.eventlog.kafka.clients import Clients, Headers, unavailable
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import DeadlineExceeded, Overloaded
from murmuration_server.platform.runtime import Event, Runtime, Task

log = logging.getLogger(__name__)

LINGER_MS = 1
POLL_SECONDS = 0.1
CLOSE_SECONDS = 5.0


class Sending(NamedTuple):
    """`topic` as the cluster knows it."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Headers


class _Appended:
    """Counts what the broker has answered about one append. Only the delivering task counts."""

    def __init__(self, records: int, done: Event) -> None:
        self._left, self.done = records, done
        self.error: KafkaError | None = None

    def answered(self, error: KafkaError | None, message: Message) -> None:  # noqa: ARG002
        self.error = self.error or error
        self._left -= 1
        if self._left == 0:
            self.done.set()


class Appender:
    def __init__(self, clients: Clients, runtime: Runtime) -> None:
        self._clients, self._runtime = clients, runtime
        self._lock = runtime.lock()
        self._producer: Producer | None = None
        self._stop = runtime.event()
        self._task: Task | None = None

    def append(self, call: Call, records: Sequence[Sending]) -> None:
        """Returns when all in-sync replicas have all of them. Raises `Overloaded`, `Unavailable`, `DeadlineExceeded`:
        any of the records may be there then, and may still come until `delivery_timeout_ms` has passed."""
        if not records:
            return
        remaining = call.remaining()
        appended = _Appended(len(records), self._runtime.event())
        producer = self._running()
        try:
            for topic, partition, key, value, headers in records:
                producer.produce(topic, value, key, partition, appended.answered, headers=headers)
        except BufferError:
            raise Overloaded("the queue of records for the log", retry_after=1.0) from None
        except KafkaException as error:
            self._give_up_if_fatal(producer, error.args[0])
            raise unavailable(error) from error
        if not appended.done.wait(remaining):
            raise DeadlineExceeded
        if appended.error is not None:
            self._give_up_if_fatal(producer, appended.error)
            raise unavailable(appended.error)

    def close(self) -> None:
        self._stop.set()
        if self._task is not None:
            self._task.join(CLOSE_SECONDS)
        if self._producer is not None:
            self._producer.flush(CLOSE_SECONDS)
            self._producer = None

    def _running(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(self._options(), logger=log)
            if self._task is None:
                self._task = self._runtime.spawn("kafka-deliveries", self._deliver)
            return self._producer

    def _options(self) -> dict[str, object]:
        settings = self._clients.settings
        return self._clients.options(
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            message_timeout_ms=settings.delivery_timeout_ms,
            queue_buffering_max_messages=settings.queue_records,
            queue_buffering_max_kbytes=settings.queue_bytes >> 10,
        )

    def _give_up_if_fatal(self, producer: Producer, error: KafkaError) -> None:
        """An idempotent producer that lost count of its records with a broker never sends again; a new one may."""
        if error.fatal() or error.code() == KafkaError._FATAL:
            log.error("the producer is done for and is replaced: %s", error)
            with self._lock:
                if self._producer is producer:
                    self._producer = None

    def _deliver(self) -> None:
        """Brings the broker's answers to those who wait for them."""
        while not self._stop.is_set():
            producer = self._producer
            if producer is None:
                self._stop.wait(POLL_SECONDS)
            else:
                producer.poll(POLL_SECONDS)
