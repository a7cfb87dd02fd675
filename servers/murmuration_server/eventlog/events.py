"""The events of the log itself: records that were set aside, and what became of them."""

from __future__ import annotations

import hashlib

from google.protobuf.message import DecodeError

from murmuration.events.v1.events_pb2 import DeadLetter as DeadLetterEvent
from murmuration.events.v1.events_pb2 import DeadLetterSettled
from murmuration_server.eventlog.dead_letter import DeadLetter, LetterState, Settled
from murmuration_server.eventlog.envelope import DEAD_LETTERS, SCHEMA_VERSION, Envelope
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.port import NewRecord

_HOW = {LetterState.RETRIED: DeadLetterSettled.HOW_RETRIED, LetterState.DROPPED: DeadLetterSettled.HOW_DROPPED}
_STATE = {how: state for state, how in _HOW.items()}


def set_aside(letter: DeadLetter) -> NewRecord:
    event = DeadLetterEvent(
        group=letter.group,
        topic=letter.topic,
        partition=letter.partition,
        offset=letter.offset,
        key=letter.key,
        origin_ms=letter.origin_ms,
        value=letter.value,
        reason=letter.reason,
        set_aside_ms=letter.set_aside_ms,
    )
    envelope = Envelope(
        schema_version=SCHEMA_VERSION, event_id=letter.letter_id, origin_ms=letter.origin_ms, dead_letter=event
    )
    return NewRecord(DEAD_LETTERS, letter.key, letter.origin_ms, envelope.SerializeToString())


def sent_again(letter: DeadLetter) -> OutboxRow:
    """The record as it was: the same bytes under the same key."""
    return OutboxRow(_event_id(letter, "record"), letter.topic, letter.key, letter.origin_ms, letter.value)


def settled(letter: DeadLetter) -> OutboxRow:
    """Behind the letter, since it has its key."""
    event = DeadLetterSettled(dead_letter_id=letter.letter_id, how=_HOW[letter.state], settled_ms=letter.settled_ms)
    envelope = Envelope(
        schema_version=SCHEMA_VERSION,
        event_id=f"{letter.letter_id}/settled",
        origin_ms=letter.settled_ms,
        dead_letter_settled=event,
    )
    row_id = _event_id(letter, letter.state.name)
    return OutboxRow(row_id, DEAD_LETTERS, letter.key, letter.settled_ms, envelope.SerializeToString())


def read(value: bytes) -> DeadLetter | Settled | None:
    """What lies on the topic of dead letters; None for what is neither."""
    try:
        envelope = Envelope.FromString(value)
    except DecodeError:
        return None
    if envelope.WhichOneof("payload") == "dead_letter":
        event = envelope.dead_letter
        return DeadLetter(
            event.group,
            event.topic,
            event.partition,
            event.offset,
            event.key,
            event.origin_ms,
            event.value,
            event.reason,
            event.set_aside_ms,
        )
    if envelope.WhichOneof("payload") == "dead_letter_settled":
        marker = envelope.dead_letter_settled
        return Settled(marker.dead_letter_id, _STATE.get(marker.how, LetterState.DROPPED), marker.settled_ms)
    return None


def _event_id(letter: DeadLetter, what: str) -> int:
    """The same for the same letter: the relay passes over rows that it has just published."""
    digest = hashlib.blake2b(f"{letter.letter_id} {what}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
