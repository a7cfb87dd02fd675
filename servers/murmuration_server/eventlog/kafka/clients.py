"""What all clients of Kafka share: their configuration, how long they may wait, and how their errors read."""

from __future__ import annotations

import logging
import struct
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, Message
from confluent_kafka.admin import AdminClient

from murmuration_server.eventlog.port import NewRecord, Record
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import KafkaSettings
from murmuration_server.platform.errors import MurmurationError, Unavailable

log = logging.getLogger(__name__)

RECONNECT_MS = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 1000}
"""The library's own ten seconds at most would be most of a recovery."""

LIBRARY_LOG_LEVEL = 2
"""Critical, in the numbers of syslog. `properties` may set another."""

ORIGIN_HEADER = "origin_ms"
_LONG = struct.Struct(">q")
"""Keys and origins lie as Kafka's own LongSerializer writes them, so that other tools can read them."""

Headers = list[tuple[str, str | bytes | None]]

Place = tuple[str, int]
"""A topic, by the name that the port knows, and a partition."""


class Clients:
    """`name` turns a topic or group of ours into that of the cluster: several systems may share one."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings

    def name(self, ours: str) -> str:
        return self.settings.prefix + ours

    def is_ours(self, name: str) -> bool:
        return name.startswith(self.settings.prefix)

    def ours(self, name: str) -> str:
        return name[len(self.settings.prefix) :]

    def options(self, **more: object) -> dict[str, Any]:
        """For a client of any kind; names are librdkafka's, with underscores for dots."""
        named = {name.replace("_", "."): value for name, value in more.items()}
        return {
            "bootstrap.servers": self.settings.bootstrap_servers,
            "client.id": "murmuration",
            "socket.timeout.ms": self.settings.request_timeout_ms,
            # It would say each try to connect to a broker that is gone; what fails for us says why by itself.
            "log_level": LIBRARY_LOG_LEVEL,
            # Without it the library writes to stderr, and hands errors over as messages.
            "error_cb": _note,
            **RECONNECT_MS,
            **self.settings.properties,
            **named,
        }

    def admin(self) -> AdminClient:
        return AdminClient(self.options(), logger=log)

    def seconds(self, call: Call) -> float:
        """How long one request may take: at most `request_timeout_ms`, and no longer than the call."""
        return min(call.remaining(), self.settings.request_timeout_ms / 1000)


def unavailable(error: KafkaError | KafkaException | TimeoutError) -> MurmurationError:
    """Any error of Kafka's, for callers. Kafka's own words tell operators what to mend."""
    if isinstance(error, KafkaException):
        error = error.args[0]
    return Unavailable(f"the log ({error.str() if isinstance(error, KafkaError) else 'no answer in time'})")


def encode(record: NewRecord) -> tuple[bytes, Headers]:
    """Key and headers. The origin is a header and not Kafka's timestamp, by which old records are dropped: a record
    about something old is as new on the log as any other."""
    return _LONG.pack(record.key), [(ORIGIN_HEADER, _LONG.pack(record.origin_ms))]


def decode(place: Place, message: Message) -> Record:
    """What somebody else put there without key or origin is read as 0."""
    origin = 0
    for name, raw in cast("Headers", message.headers() or ()):
        if name == ORIGIN_HEADER:
            origin = _long(raw)
    return Record(place[0], place[1], message.offset() or 0, _long(message.key()), origin, message.value() or b"")


def _long(raw: object) -> int:
    try:
        number: int = _LONG.unpack(raw)[0]  # type: ignore[arg-type]
    except (struct.error, TypeError):
        return 0
    return number


def _note(error: KafkaError) -> None:
    # One of these for each request that was under way when a connection broke.
    log.debug("kafka: %s", error)
