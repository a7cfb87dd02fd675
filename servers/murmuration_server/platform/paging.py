"""Page tokens of plain lists: where the next page begins, bound to the method and the list, and signed.

Home timelines have cursors of their own, with more inside.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from dataclasses import dataclass

from murmuration_server.platform.errors import InvalidField, InvalidPageToken

_SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class SigningKeys:
    """The first key signs; all verify. A key is found by its one-byte id inside the token."""

    keys: tuple[tuple[int, bytes], ...]

    def sign(self, payload: bytes) -> str:
        key_id, key = self.keys[0]
        body = bytes([key_id]) + payload
        return base64.urlsafe_b64encode(body + _mac(key, body)).decode().rstrip("=")

    def open(self, token: str) -> bytes:
        """The payload. Raises `InvalidPageToken`."""
        try:
            data = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise InvalidPageToken from None
        body, signature = data[:-_SIGNATURE_BYTES], data[-_SIGNATURE_BYTES:]
        key = dict(self.keys).get(body[0]) if body else None
        if key is None or not hmac.compare_digest(signature, _mac(key, body)):
            raise InvalidPageToken
        return body[1:]


def _mac(key: bytes, body: bytes) -> bytes:
    # Keyed BLAKE2 (RFC 7693) is a MAC by itself, at a fraction of HMAC's cost: every page of a home is signed.
    return hashlib.blake2b(body, digest_size=_SIGNATURE_BYTES, key=key).digest()


class PageTokens:
    """Tokens of one method's lists."""

    def __init__(self, method: str, keys: SigningKeys) -> None:
        self._method, self._keys = method.encode(), keys

    def make(self, list_id: int, position: int) -> str:
        return self._keys.sign(self._scope(list_id) + struct.pack("<q", position))

    def position(self, list_id: int, token: str) -> int | None:
        """None at the beginning. Raises `InvalidPageToken`."""
        if not token:
            return None
        payload, scope = self._keys.open(token), self._scope(list_id)
        if len(payload) != len(scope) + 8 or not payload.startswith(scope):
            raise InvalidPageToken
        position: int = struct.unpack("<q", payload[len(scope) :])[0]
        return position

    def _scope(self, list_id: int) -> bytes:
        return hashlib.sha256(self._method + struct.pack("<q", list_id)).digest()[:8]


def page_size(asked: int, default: int, maximum: int) -> int:
    """AIP-158: 0 is the default, more than the maximum is the maximum. Raises `InvalidField` where negative."""
    if asked < 0:
        raise InvalidField("page_size", "must not be negative")
    return min(asked or default, maximum)
