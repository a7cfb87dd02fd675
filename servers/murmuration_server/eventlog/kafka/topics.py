"""The topics on the cluster: made when they are first used, by whoever comes first."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from murmuration_server.eventlog.envelope import DEAD_LETTERS
from murmuration_server.eventlog.kafka.clients import Clients, unavailable
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.runtime import Runtime

RELAY_POSITIONS = "relay-positions"
LOOK_AGAIN_SECONDS = 0.02
_HOUR_MS = 3_600_000
_COMPACTED = {
    "cleanup.policy": "compact",
    # Whoever reads positions reads what was not compacted yet: little.
    "segment.ms": "600000",
    "segment.bytes": str(4 << 20),
    "min.cleanable.dirty.ratio": "0.1",
}


class Topics:
    """A topic keeps the number of partitions that it was made with, since keys choose among them by it."""

    def __init__(self, clients: Clients, admin: AdminClient, runtime: Runtime) -> None:
        self._clients, self._admin, self._runtime = clients, admin, runtime
        self._partitions: dict[str, int] = {}

    def partitions(self, call: Call, topic: str) -> int:
        """How many it has. Makes it where it is missing. Raises `Unavailable`."""
        if topic not in self._partitions:
            self.ensure(call, [topic])
        return self._partitions[topic]

    def ensure(self, call: Call, topics: Iterable[str]) -> None:
        """Makes those that are missing. Safe to call twice, and from several processes at once."""
        unknown = [topic for topic in topics if topic not in self._partitions]
        missing = self._look(call, unknown)
        if missing:
            self._create(call, missing)
        while missing := self._look(call, missing):
            # The broker that answers may not have heard of them yet.
            self._runtime.sleep(min(LOOK_AGAIN_SECONDS, call.remaining()))

    def _look(self, call: Call, topics: list[str]) -> list[str]:
        """Notes how many partitions each has; answers which are missing."""
        if not topics:
            return []
        seconds = self._clients.seconds(call)
        names = TopicCollection([self._clients.name(topic) for topic in topics])
        found = self._admin.describe_topics(names, request_timeout=seconds)
        missing = []
        for topic in topics:
            try:
                described = found[self._clients.name(topic)].result(seconds)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise unavailable(error) from error
                missing.append(topic)
            except TimeoutError as error:
                raise unavailable(error) from error
            else:
                if all(partition.leader is not None for partition in described.partitions):
                    self._partitions[topic] = len(described.partitions)
                else:
                    missing.append(topic)
        return missing

    def _create(self, call: Call, topics: list[str]) -> None:
        seconds = self._clients.seconds(call)
        made = self._admin.create_topics([self._plan(topic) for topic in topics], request_timeout=seconds)
        for future in made.values():
            try:
                future.result(seconds)
            except KafkaException as error:
                code = error.args[0].code()
                if code == KafkaError.INVALID_REPLICATION_FACTOR:
                    copies = self._clients.settings.replication_factor
                    raise Unavailable(
                        f"the log (it has fewer brokers than kafka.replication_factor, {copies})"
                    ) from error
                if code != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise unavailable(error) from error
            except TimeoutError as error:
                raise unavailable(error) from error

    def _plan(self, topic: str) -> NewTopic:
        settings = self._clients.settings
        config = {
            "min.insync.replicas": str(settings.min_insync_replicas),
            # Records are dropped by when they came, not by what they are about.
            "message.timestamp.type": "LogAppendTime",
        }
        if topic == RELAY_POSITIONS:
            partitions, kept = 1, _COMPACTED
        else:
            hours = settings.dead_letter_hours if topic == DEAD_LETTERS else settings.retention_hours
            partitions, kept = settings.partitions, {"retention.ms": str(hours * _HOUR_MS)}
        return NewTopic(self._clients.name(topic), partitions, settings.replication_factor, config=config | kept)
