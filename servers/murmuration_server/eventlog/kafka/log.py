"""The log on Kafka: topics are its topics, groups its groups. Any number of processes append and consume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from murmuration_server.eventlog.kafka.appender import Appender, Sending
from murmuration_server.eventlog.kafka.backlogs import Backlogs
from murmuration_server.eventlog.kafka.clients import Clients, Place, encode
from murmuration_server.eventlog.kafka.committed import Committed
from murmuration_server.eventlog.kafka.member import Member
from murmuration_server.eventlog.kafka.positions import Positions
from murmuration_server.eventlog.kafka.reader import Reader
from murmuration_server.eventlog.kafka.topics import Topics
from murmuration_server.eventlog.port import Backlog, Consumer, NewRecord, Record, RelayPosition, partition_of
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import KafkaSettings
from murmuration_server.platform.runtime import Runtime


class KafkaEventLog:
    """Connects when it is first used, and goes on by itself when the cluster was away."""

    def __init__(self, settings: KafkaSettings, runtime: Runtime) -> None:
        self._clients = Clients(settings)
        admin = self._clients.admin()
        self._runtime = runtime
        self._topics = Topics(self._clients, admin, runtime)
        self._appender = Appender(self._clients, runtime)
        self._reader = Reader(self._clients, admin, runtime)
        # Writers wait for positions, which are read by the other one.
        self._onlooker = Reader(self._clients, admin, runtime)
        self._positions = Positions(self._clients, self._topics, self._appender, self._reader, runtime)
        self._committed = Committed(self._clients, admin)
        self._backlogs = Backlogs(self._committed, self._reader, runtime)
        self._members: list[Member] = []

    def ensure_topics(self, call: Call, topics: Sequence[str]) -> None:
        """Makes those that are missing; each would also be made when it is first used."""
        self._topics.ensure(call, topics)

    def append(
        self,
        call: Call,
        records: Sequence[NewRecord],
        *,
        consumed: tuple[str, Sequence[Record]] | None = None,
        relayed: RelayPosition | None = None,
    ) -> None:
        """Positions move when the records are there, and never before. If the process dies in between, the records
        come twice."""
        self._appender.append(call, self._sendings(call, records))
        if consumed is not None:
            self._commit(call, *consumed)
        if relayed is not None:
            self._positions.store(call, relayed)

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        member = Member(self._clients, self._topics, self._runtime, group, topics)
        self._members.append(member)
        return member

    def relay_position(self, call: Call, source: str) -> RelayPosition | None:
        return self._positions.last(call, source)

    def backlog(self, call: Call) -> list[Backlog]:
        return self._backlogs.measure(call)

    def read(self, call: Call, topic: str, offsets: Mapping[int, int], limit: int) -> list[Record]:
        places = self._places(call, topic)
        ends = self._onlooker.ends(call, places)
        spans = {place: (offsets.get(place[1], 0), ends[place]) for place in places}
        return [record for records in self._onlooker.read(call, spans, limit).values() for record in records]

    def offsets_since(self, call: Call, topic: str, since_ms: int) -> dict[int, int]:
        offsets = self._onlooker.offsets_since(call, self._places(call, topic), since_ms)
        return {partition: offset for (_, partition), offset in offsets.items()}

    def trim(self, call: Call) -> int:  # noqa: ARG002
        """Nothing: the brokers drop records by their age, so that a new group, or an old one set back, finds them."""
        return 0

    def close(self) -> None:
        for member in self._members:
            member.close()
        self._appender.close()
        self._committed.close()
        self._reader.close()
        self._onlooker.close()

    def _places(self, call: Call, topic: str) -> list[Place]:
        return [(topic, partition) for partition in range(self._topics.partitions(call, topic))]

    def _sendings(self, call: Call, records: Sequence[NewRecord]) -> list[Sending]:
        topics = {record.topic for record in records}
        known = {topic: (self._clients.name(topic), self._topics.partitions(call, topic)) for topic in topics}
        sendings = []
        for record in records:
            name, partitions = known[record.topic]
            key, headers = encode(record)
            sendings.append(Sending(name, partition_of(record.key, partitions), key, record.value, headers))
        return sendings

    def _commit(self, call: Call, group: str, records: Sequence[Record]) -> None:
        for member in self._members:
            if member.group == group and member.owns(records):
                member.commit(call, records)
