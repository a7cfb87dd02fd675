"""The few lines of the protobuf wire format that it takes to join messages from serialized parts.

Source: the Protocol Buffers encoding specification ("Message Structure", "Base 128 Varints").
"""

from __future__ import annotations

from functools import lru_cache

_VARINT, _LENGTH = 0, 2


def varint(value: int) -> bytes:
    """Of a number from 0 to 2^64 - 1."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(field: int, payload: bytes) -> bytes:
    """A submessage, string or bytes field."""
    return _head(field, len(payload)) + payload


@lru_cache(maxsize=1 << 14)
def _head(field: int, length: int) -> bytes:
    return varint(field << 3 | _LENGTH) + varint(length)


def number(field: int, value: int) -> bytes:
    """An integer, bool or enum field that is not negative; nothing where it has its default."""
    return varint(field << 3 | _VARINT) + varint(value) if value else b""
