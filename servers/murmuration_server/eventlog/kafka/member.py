"""One member of a consumer group: what it has fetched and not committed, and what moves when the group rebalances."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from confluent_kafka import OFFSET_INVALID, Consumer, KafkaError, KafkaException, Message, TopicPartition

from murmuration_server.eventlog.kafka.clients import Clients, Place, decode, unavailable
from murmuration_server.eventlog.kafka.topics import Topics
from murmuration_server.eventlog.port import Record
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.runtime import Runtime

log = logging.getLogger(__name__)

FULL_LIMITS = 4
"""Fetched of a partition at most, in limits of a poll. To pause one throws away what the library has fetched ahead."""
ANSWER_SECONDS = 0.002
"""The library does not come back from a poll for having called back, so an answer is looked for this often."""


class Member:
    """`Consumer` of the port. To be used by one task, as the port says; the library calls back within `poll` and
    `commit` only.

    Kafka fences the commits of a member that the group has given up. It does not fence those of a member that stayed
    and lost a partition: that is done here, by `_done`, which has the partitions that are ours and their commits.
    """

    def __init__(self, clients: Clients, topics: Topics, runtime: Runtime, group: str, names: Sequence[str]) -> None:
        self._clients, self._known_topics, self._runtime = clients, topics, runtime
        self.group, self._topics = group, tuple(names)
        self._consumer: Consumer | None = None
        self._places: dict[tuple[str | None, int | None], Place] = {}
        """Of the partitions that are ours, by the names of the cluster."""
        self._fetched: dict[Place, deque[Record]] = {}
        self._done: dict[Place, int] = {}
        self._unmarked: set[Place] = set()
        self._paused: set[Place] = set()
        self._broken = False
        self._asked: frozenset[tuple[str, int, int]] = frozenset()
        self._answer: list[KafkaError | None] = []

    def poll(self, call: Call, limit: int, wait_seconds: float = 0.0) -> list[Record]:
        consumer = self._consumer or self._join(call)
        wait = 0.0 if any(self._fetched.values()) else min(wait_seconds, call.remaining())
        try:
            self._pause_the_full(consumer, limit)
            self._fetch(consumer, max(1, sum(max(0, limit - len(got)) for got in self._fetched.values())), wait)
            self._mark_beginnings(call, consumer)
        except KafkaException as error:
            raise unavailable(error) from error
        records = [record for fetched in self._fetched.values() for record in islice(fetched, limit)]
        if not records and self._broken:
            self._see_if_broken(call, consumer)
        return records

    def commit(self, call: Call, records: Sequence[Record]) -> None:
        ends: dict[Place, int] = {}
        for record in records:
            place = record.topic, record.partition
            ends[place] = max(ends.get(place, 0), record.offset + 1)
        # A partition that came back a moment ago is like one that is gone: others may have been further.
        lost = [place for place in ends if place not in self._done or place in self._unmarked]
        ours = {place: end for place, end in ends.items() if place not in lost and end > self._done[place]}
        if lost:
            log.info("group %s: the work on %s is not committed, its partitions have another owner", self.group, lost)
        if ours:
            self._commit(call, ours)

    def owns(self, records: Sequence[Record]) -> bool:
        return any((record.topic, record.partition) in self._done for record in records)

    def close(self) -> None:
        """Leaves the group, so that others need not wait for the session to end."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _join(self, call: Call) -> Consumer:
        self._known_topics.ensure(call, self._topics)
        settings = self._clients.settings
        consumer = Consumer(
            self._clients.options(
                group_id=self._clients.name(self.group),
                partition_assignment_strategy="cooperative-sticky",
                session_timeout_ms=settings.session_timeout_ms,
                heartbeat_interval_ms=max(100, settings.session_timeout_ms // 4),
                max_poll_interval_ms=max(settings.max_poll_interval_ms, settings.session_timeout_ms),
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                queued_max_messages_kbytes=settings.fetch_bytes >> 10,
            )
            | {"on_commit": self._committed, "error_cb": self._note},
            logger=log,
        )
        consumer.subscribe(
            [self._clients.name(topic) for topic in self._topics],
            on_assign=lambda _, places: self._assigned(places),
            on_revoke=lambda _, places: self._revoked(places),
            on_lost=lambda _, places: self._revoked(places),
        )
        self._consumer = consumer
        return consumer

    def _fetch(self, consumer: Consumer, room: int, wait: float) -> None:
        """Up to `room` records; waits for the first of them only."""
        first = consumer.poll(wait)
        if first is None:
            return
        failed = self._take([first, *(consumer.consume(room - 1, 0) if room > 1 else ())])
        # While there is work it is done first: what goes on being wrong says so again.
        if failed is not None and not any(self._fetched.values()):
            raise unavailable(failed)

    def _pause_the_full(self, consumer: Consumer, limit: int) -> None:
        """What was fetched and does not get done is bounded, and keeps no other partition waiting."""
        for place, fetched in self._fetched.items():
            if len(fetched) >= FULL_LIMITS * limit and place not in self._paused:
                consumer.pause([self._named(place)])
                self._paused.add(place)
            elif len(fetched) < limit and place in self._paused:
                consumer.resume([self._named(place)])
                self._paused.discard(place)

    def _take(self, messages: Iterable[Message]) -> KafkaError | None:
        """Keeps the records, and answers the first error that stands between them: the library brings the records
        behind it no second time."""
        failed: KafkaError | None = None
        for message in messages:
            error = message.error()
            if error is None:
                self._keep(message)
            failed = failed or error
        return failed

    def _keep(self, message: Message) -> None:
        self._broken = False
        place = self._places.get((message.topic(), message.partition()))
        if place is None:
            # On its way while its partition got another owner.
            return
        fetched = self._fetched[place]
        record = decode(place, message)
        if not fetched or fetched[-1].offset < record.offset:
            fetched.append(record)

    def _mark_beginnings(self, call: Call, consumer: Consumer) -> None:
        """Where nothing was ever committed, commits the beginning: others see from then on what this group lacks."""
        if not self._unmarked:
            return
        seconds = self._clients.seconds(call)
        begins: dict[Place, int] = {}
        for at in consumer.committed([self._named(place) for place in self._unmarked], seconds):
            if at.error is not None:
                raise unavailable(at.error)
            place = self._place(at.topic, at.partition)
            if at.offset == OFFSET_INVALID or at.offset < 0:
                # None where the time is up.
                bounds = consumer.get_watermark_offsets(self._named(place), seconds)
                if bounds is None or bounds[0] < 0:
                    raise Unavailable("the log (a topic's beginning did not come in time)")
                begins[place] = bounds[0]
            else:
                self._done[place] = max(self._done[place], at.offset)
                self._unmarked.discard(place)
        if begins:
            self._commit(call, begins)
        self._unmarked.difference_update(begins)

    def _commit(self, call: Call, ends: dict[Place, int]) -> None:
        """Waits for the answer while the library calls back, which it does only while it is polled; a commit that
        blocks would wait as long as a session when the broker is gone."""
        assert self._consumer is not None
        deadline = self._runtime.monotonic() + self._clients.seconds(call)
        places = [self._named(place, end) for place, end in ends.items()]
        self._asked, self._answer = frozenset(map(_spot, places)), []
        try:
            self._consumer.commit(offsets=places, asynchronous=True)
            while not self._answer:
                left = deadline - self._runtime.monotonic()
                if left <= 0:
                    raise Unavailable("the log (a commit got no answer in time)")
                message = self._consumer.poll(min(left, ANSWER_SECONDS))
                if message is not None:
                    # An error is of something else: what is wrong with the commit its own answer says.
                    self._take([message])
        except KafkaException as error:
            raise unavailable(error) from error
        failed = self._answer[0]
        if failed is not None:
            raise unavailable(failed)
        for place, end in ends.items():
            if place in self._done:
                self._done[place] = end
                fetched = self._fetched[place]
                while fetched and fetched[0].offset < end:
                    fetched.popleft()

    def _committed(self, error: KafkaError | None, places: list[TopicPartition]) -> None:
        """An answer to an earlier commit, which was given up, is passed over."""
        if frozenset(map(_spot, places)) == self._asked:
            self._answer.append(error or next((place.error for place in places if place.error is not None), None))

    def _assigned(self, places: list[TopicPartition]) -> None:
        for at in places:
            place = self._place(at.topic, at.partition)
            self._places[at.topic, at.partition] = place
            self._fetched[place], self._done[place] = deque(), 0
            self._unmarked.add(place)

    def _revoked(self, places: list[TopicPartition]) -> None:
        """What was fetched of them is somebody else's work now."""
        for at in places:
            place = self._place(at.topic, at.partition)
            self._places.pop((at.topic, at.partition), None)
            self._fetched.pop(place, None)
            self._done.pop(place, None)
            self._unmarked.discard(place)
            if place in self._paused and self._consumer is not None:
                # A pause would outlive the assignment, and hold when the partition comes back.
                self._consumer.resume([self._named(place)])
                self._paused.discard(place)

    def _note(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._broken = True

    def _see_if_broken(self, call: Call, consumer: Consumer) -> None:
        """No records may mean that nobody answers."""
        try:
            consumer.list_topics(timeout=self._clients.seconds(call))
        except KafkaException as error:
            raise unavailable(error) from error
        self._broken = False

    def _place(self, topic: str, partition: int) -> Place:
        return self._clients.ours(topic), partition

    def _named(self, place: Place, offset: int = OFFSET_INVALID) -> TopicPartition:
        return TopicPartition(self._clients.name(place[0]), place[1], offset)


def _spot(at: TopicPartition) -> tuple[str, int, int]:
    return at.topic, at.partition, at.offset
