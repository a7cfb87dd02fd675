"""The cache that holds nothing: for processes that may not cache, and for switching caching off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from murmuration_server.cache.port import Cached, CacheKey
from murmuration_server.platform.call import Call


class NoCache:
    """Every read misses and every write is forgotten."""

    def get_many(self, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:  # noqa: ARG002
        return {}

    def add(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> bool:  # noqa: ARG002
        return False

    def set(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> None:
        """Forgets."""

    def cas(self, call: Call, key: CacheKey, value: bytes, token: int, ttl_seconds: float) -> bool:  # noqa: ARG002
        return False

    def prepend_many(self, call: Call, values: Mapping[CacheKey, bytes]) -> None:
        """Nothing is there."""

    def delete(self, call: Call, key: CacheKey) -> None:
        """Nothing is there."""

    def flush(self, call: Call) -> None:
        """Nothing is there."""
