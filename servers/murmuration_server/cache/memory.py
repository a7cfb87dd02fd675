"""The cache within one process: the one that is used longest ago goes first when the bytes run out."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence, Set

from murmuration_server.cache.port import Cached, CacheKey, Replacement, Watched
from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime import Runtime

ENTRY_OVERHEAD_BYTES = 200
DEFAULT_BYTES = 64 << 20


class MemoryCache:
    """Right only where one process both serves and writes what is cached, as in the embedded default."""

    def __init__(self, runtime: Runtime, max_bytes: int = DEFAULT_BYTES) -> None:
        self._runtime, self._max_bytes = runtime, max_bytes
        self._lock = runtime.lock()
        self._entries: OrderedDict[CacheKey, tuple[Cached, float]] = OrderedDict()
        self._bytes = 0
        self._tokens = itertools.count(1)

    def get_many(self, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:  # noqa: ARG002
        now = self._runtime.monotonic()
        found = {}
        with self._lock:
            for key in keys:
                entry = self._entries.get(key)
                if entry is None:
                    continue
                if entry[1] <= now:
                    self._drop(key)
                    continue
                self._entries.move_to_end(key)
                found[key] = entry[0]
        return found

    def add_many(self, call: Call, values: Mapping[CacheKey, bytes], ttl_seconds: float) -> Set[CacheKey]:  # noqa: ARG002
        added = set()
        with self._lock:
            for key, value in values.items():
                if self._live(key) is None:
                    self._put(key, value, ttl_seconds)
                    added.add(key)
        return added

    def set(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> None:  # noqa: ARG002
        with self._lock:
            self._put(key, value, ttl_seconds)

    def cas_many(self, call: Call, replacements: Mapping[CacheKey, Replacement]) -> Set[CacheKey]:  # noqa: ARG002
        replaced = set()
        with self._lock:
            for key, (value, token, ttl_seconds) in replacements.items():
                held = self._live(key)
                if held is not None and held.token == token:
                    self._put(key, value, ttl_seconds)
                    replaced.add(key)
        return replaced

    def prepend_many(self, call: Call, values: Mapping[CacheKey, bytes]) -> None:  # noqa: ARG002
        with self._lock:
            for key, value in values.items():
                held = self._live(key)
                if held is not None:
                    ends = self._entries[key][1]
                    self._put(key, value + held.value, ends - self._runtime.monotonic())

    def delete(self, call: Call, key: CacheKey) -> None:  # noqa: ARG002
        with self._lock:
            self._drop(key)

    def flush(self, call: Call) -> None:  # noqa: ARG002
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def watch(self, tokens: Mapping[CacheKey, int]) -> Watched:
        return _Watched(self, dict(tokens))

    def _live(self, key: CacheKey) -> Cached | None:
        entry = self._entries.get(key)
        if entry is None or entry[1] <= self._runtime.monotonic():
            return None
        return entry[0]

    def _put(self, key: CacheKey, value: bytes, ttl_seconds: float) -> None:
        self._drop(key)
        self._entries[key] = (Cached(value, next(self._tokens)), self._runtime.monotonic() + ttl_seconds)
        self._bytes += len(value) + ENTRY_OVERHEAD_BYTES
        while self._bytes > self._max_bytes and self._entries:
            self._drop(next(iter(self._entries)))

    def _drop(self, key: CacheKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[0].value) + ENTRY_OVERHEAD_BYTES


class _Watched:
    def __init__(self, cache: MemoryCache, tokens: Mapping[CacheKey, int]) -> None:
        self._cache, self._tokens = cache, tokens

    def unchanged(self, call: Call) -> bool:
        held = self._cache.get_many(call, list(self._tokens))
        return {key: cached.token for key, cached in held.items()} == self._tokens
