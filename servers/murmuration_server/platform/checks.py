"""Checks that several services make of a request's fields."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence

from google.protobuf.message import Message

from murmuration_server.platform.errors import InvalidField
from murmuration_server.platform.ids import MAX_ID


def check_id(field: str, value: int) -> int:
    """Raises `InvalidField` where the number cannot be an id."""
    if not 0 < value <= MAX_ID:
        raise InvalidField(field, "must be an id: a positive number")
    return value


def check_ids(field: str, values: Sequence[int], most: int) -> list[int]:
    """The ids without repetitions, in the order given."""
    if len(values) > most:
        raise InvalidField(field, f"at most {most} at once")
    return list(dict.fromkeys(check_id(field, value) for value in values))


def check_request_id(value: str) -> str:
    """A UUID in its usual form, or '' where the caller gives none. Raises `InvalidField`."""
    if not value:
        return ""
    try:
        return str(uuid.UUID(value))
    except ValueError:
        raise InvalidField("request_id", "must be a UUID") from None


def request_digest(request: Message) -> bytes:
    """Of the parsed fields without the request_id: the same request, however it was encoded, has the same digest."""
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("request_id")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).digest()[:16]
