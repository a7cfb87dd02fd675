"""Reads records from given offsets, without a group: for those who look on."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from murmuration_server.eventlog.kafka.clients import Clients, Place, decode, unavailable
from murmuration_server.eventlog.port import Record
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.runtime import Runtime

FETCH_BYTES = 256 << 10
QUEUED_KBYTES = 2048
LOOK_AGAIN_SECONDS = 0.05
_NO_RECORD = -1
"""In place of an offset, where a partition has no record of that time or later."""


class Reader:
    """One client, used by one task at a time; others wait for it."""

    def __init__(self, clients: Clients, admin: AdminClient, runtime: Runtime) -> None:
        self._clients, self._admin, self._runtime = clients, admin, runtime
        self._lock = runtime.lock()
        self._consumer: Consumer | None = None

    def ends(self, call: Call, places: list[Place]) -> dict[Place, int]:
        """The offset of the next record of each. Raises `Unavailable`."""
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        # Where the time is up the library answers, and has no offset: not the end of an empty partition.
        return self._offsets(call, places, latest, least=0)

    def offsets_since(self, call: Call, places: list[Place], since_ms: int) -> dict[Place, int]:
        """The offset of the first record of each that a broker has taken since; its end where there is none. Raises
        `Unavailable`."""
        ends = self.ends(call, places)
        found = self._offsets(call, places, OffsetSpec.for_timestamp(since_ms), least=_NO_RECORD)
        return {place: ends[place] if offset == _NO_RECORD else offset for place, offset in found.items()}

    def _offsets(self, call: Call, places: list[Place], wanted: OffsetSpec, *, least: int) -> dict[Place, int]:
        seconds = self._clients.seconds(call)
        asked = {TopicPartition(self._clients.name(topic), number): wanted for topic, number in places}
        if not asked:
            return {}
        deadline = self._runtime.monotonic() + seconds
        while True:
            found = self._admin.list_offsets(asked, request_timeout=seconds)
            try:
                offsets = {
                    (self._clients.ours(place.topic), place.partition): future.result(seconds).offset
                    for place, future in found.items()
                }
                if min(offsets.values()) < least:
                    raise TimeoutError
                return offsets
            except (KafkaException, TimeoutError) as error:
                if not _moving(error) or self._runtime.monotonic() > deadline:
                    raise unavailable(error) from error
                self._look_for_leaders(seconds)
            self._runtime.sleep(LOOK_AGAIN_SECONDS)

    def read(self, call: Call, spans: Mapping[Place, tuple[int, int]], limit: int) -> dict[Place, list[Record]]:
        """The first `limit` records of each place from the first offset on and before the second; what retention has
        dropped of them is left out. Raises `Unavailable` where they do not come in time."""
        got: dict[Place, list[Record]] = {place: [] for place in spans}
        open_places = {place for place, (start, end) in spans.items() if start < end}
        if not open_places:
            return got
        with self._lock:
            deadline = self._runtime.monotonic() + self._clients.seconds(call)
            consumer = self._running()
            try:
                consumer.assign([self._at(place, spans[place][0]) for place in open_places])
                while open_places:
                    left = deadline - self._runtime.monotonic()
                    if left <= 0:
                        raise Unavailable("the log (records did not come in time)")
                    message = consumer.poll(left)
                    if message is None:
                        continue
                    place = self._clients.ours(message.topic() or ""), message.partition() or 0
                    error = message.error()
                    if error is not None and error.code() != KafkaError._PARTITION_EOF:
                        raise unavailable(error)
                    if place not in open_places:
                        continue
                    end = spans[place][1]
                    if error is None and (message.offset() or 0) < end:
                        got[place].append(decode(place, message))
                    if error is not None or len(got[place]) == limit or (message.offset() or 0) + 1 >= end:
                        open_places.discard(place)
                        consumer.pause([self._at(place, 0)])
            except KafkaException as error:
                raise unavailable(error) from error
            finally:
                # A pause would outlive the assignment.
                consumer.resume([self._at(place, 0) for place in spans])
                consumer.unassign()
        return got

    def _look_for_leaders(self, seconds: float) -> None:
        """The library would ask the leaders that it knows again and again, for minutes."""
        try:
            self._admin.list_topics(timeout=seconds)
        except KafkaException as error:
            raise unavailable(error) from error

    def close(self) -> None:
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _at(self, place: Place, offset: int) -> TopicPartition:
        return TopicPartition(self._clients.name(place[0]), place[1], offset)

    def _running(self) -> Consumer:
        if self._consumer is None:
            options = self._clients.options(
                group_id=self._clients.name("readers"),  # the library wants one; nothing is committed to it
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                auto_offset_reset="earliest",
                enable_partition_eof=True,
                max_partition_fetch_bytes=FETCH_BYTES,
                queued_max_messages_kbytes=QUEUED_KBYTES,
            )
            self._consumer = Consumer(options)
        return self._consumer


def _moving(error: KafkaException | TimeoutError) -> bool:
    """Whether a partition has no leader at this moment: it was just made, or its leader has died."""
    return isinstance(error, KafkaException) and error.args[0].code() in {
        # "No leaders found": what the library knows from when the brokers were fenced, until it is made to look again.
        KafkaError._NOENT,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
