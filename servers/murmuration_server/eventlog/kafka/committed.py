"""What the groups of all processes have committed.

The library has one request for it that names a group, `list_consumer_group_offsets`. It ends the process with a failed
assertion where the connection to the group's coordinator breaks meanwhile (librdkafka issue 3663, pull request 5397;
seen here with 2.16 as a broker was killed). So each group is asked for by a consumer of its name, which joins nothing.
"""

from __future__ import annotations

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from murmuration_server.eventlog.kafka.clients import Clients, Place, unavailable
from murmuration_server.platform.call import Call

GroupPlace = tuple[str, Place]
"""A group, by the name that the port knows, and a partition of a topic."""


class Committed:
    """To be used by one task at a time."""

    def __init__(self, clients: Clients, admin: AdminClient) -> None:
        self._clients, self._admin = clients, admin
        self._askers: dict[str, Consumer] = {}

    def read(self, call: Call) -> dict[GroupPlace, int]:
        """The offset of the record that each group takes next, where it has committed any. Raises `Unavailable`."""
        seconds = self._clients.seconds(call)
        try:
            # Topics after groups: a group that is known has committed to topics that were there before.
            groups = self._groups(seconds)
            places = self._places(seconds)
            return {
                (self._clients.ours(group), (self._clients.ours(at.topic), at.partition)): at.offset
                for group in groups
                for at in self._offsets(group, places, seconds)
                if at.offset >= 0
            }
        except (KafkaException, TimeoutError) as error:
            raise unavailable(error) from error

    def close(self) -> None:
        for asker in self._askers.values():
            asker.close()
        self._askers.clear()

    def _groups(self, seconds: float) -> list[str]:
        listed = self._admin.list_consumer_groups(request_timeout=seconds).result(seconds)
        if listed.errors:
            # A broker that is silent may have groups: without them delivery would look further than it is.
            raise KafkaException(listed.errors[0])
        return [group.group_id for group in listed.valid if self._clients.is_ours(group.group_id)]

    def _places(self, seconds: float) -> list[tuple[str, int]]:
        topics = self._admin.list_topics(timeout=seconds).topics
        return [
            (name, number)
            for name, topic in topics.items()
            if self._clients.is_ours(name)
            for number in topic.partitions
        ]

    def _offsets(self, group: str, places: list[tuple[str, int]], seconds: float) -> list[TopicPartition]:
        asker = self._askers.get(group)
        if asker is None:
            options = self._clients.options(group_id=group, enable_auto_commit=False, enable_auto_offset_store=False)
            asker = self._askers[group] = Consumer(options)
        found = asker.committed([TopicPartition(*place) for place in places], seconds)
        for at in found:
            if at.error is not None:
                raise KafkaException(at.error)
        return found
