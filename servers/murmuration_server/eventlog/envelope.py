"""Events on the log: sealed with what caused them, opened with a check of their schema."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from murmuration.events.v1 import events_pb2 as events
from murmuration_server.platform.call import Call

Envelope = events.Envelope

SCHEMA_VERSION = 1

TWEETS, RELATIONS, REBUILDS, USERS = "tweets", "relations", "rebuilds", "users"
SMALL_LANE, LARGE_LANE = "deliveries-small", "deliveries-large"
DEAD_LETTERS = "dead-letters"


class Poison(Exception):
    """A record that can never be handled."""


def envelope(call: Call, event_id: int, origin_ms: int) -> events.Envelope:
    """An envelope for the caller to put a payload into."""
    return events.Envelope(
        schema_version=SCHEMA_VERSION,
        event_id=f"{event_id:016x}",
        request_id=call.request_id,
        traceparent=call.traceparent,
        origin_ms=origin_ms,
    )


def open_envelope(value: bytes) -> events.Envelope:
    """Raises `Poison` where the bytes are no envelope, have a schema that this program does not know, or no payload."""
    try:
        opened = events.Envelope.FromString(value)
    except DecodeError as error:
        raise Poison("not an envelope") from error
    if opened.schema_version != SCHEMA_VERSION:
        raise Poison(f"schema version {opened.schema_version}, this program knows {SCHEMA_VERSION}")
    if opened.WhichOneof("payload") is None:
        raise Poison("no payload that this program knows")
    return opened
