"""The cache that holds nothing: for processes that may not cache, and for switching caching off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from murmuration_server.cache.port import Cached, CacheKey, Replacement, Watched
from murmuration_server.platform.call import Call


class NoCache:
    """Every read misses and every write is forgotten."""

    def get_many(self, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:  # noqa: ARG002
        return {}

    def add_many(self, call: Call, values: Mapping[CacheKey, bytes], ttl_seconds: float) -> Set[CacheKey]:  # noqa: ARG002
        return frozenset()

    def set(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> None:
        """Forgets."""

    def cas_many(self, call: Call, replacements: Mapping[CacheKey, Replacement]) -> Set[CacheKey]:  # noqa: ARG002
        return frozenset()

    def prepend_many(self, call: Call, values: Mapping[CacheKey, bytes]) -> None:
        """Nothing is there."""

    def delete(self, call: Call, key: CacheKey) -> None:
        """Nothing is there."""

    def flush(self, call: Call) -> None:
        """Nothing is there."""

    def watch(self, tokens: Mapping[CacheKey, int]) -> Watched:  # noqa: ARG002
        return _NEVER


class _Never:
    def unchanged(self, call: Call) -> bool:  # noqa: ARG002
        return False


_NEVER = _Never()
