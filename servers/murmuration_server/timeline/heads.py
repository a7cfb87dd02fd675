"""The newest entries of each home in the cache, in front of a store of homes: a page mostly costs one look-up.

Fan-out writes a row, then prepends it to the head, if there is one. A reader who finds none adds LOADING with a nonce
of his own, reads the store, and replaces that very LOADING, with all that was prepended to it meanwhile, by cas.
LOADING is a miss for everybody else. (Model-checked: without nonce, cas, LOADING or the merge, with the cache before
the store, or with a head that is used below the last of its newest entries, a committed row is missing.)

A head is made while its reader reads, after his home_state was found complete; it says when, and is a miss before
fan-out might take him for inactive and skip him.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from murmuration_server.cache.port import Cached, CacheKey, CacheStore, Replacement
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.ids import MAX_ID
from murmuration_server.platform.runtime import Runtime
from murmuration_server.timeline.store import HomeStore, Progress
from murmuration_server.tweets.client import Candidate, decode_many, encode_many

VERSION = 1
HEAD_SECONDS = 3600.0
LOADING_SECONDS = 5.0
ROUNDS = 3
"""How often a fill tries its cas: each prepend in between makes it fail."""
_HEAD, _LOADING = b"H", b"L"
# At the end, since what is prepended comes in front: the kind, when it was filled (LOADING: the nonce), the floor.
_TRAILER = struct.Struct("<cqq")
_NONCE_BITS = 62


@dataclass(frozen=True)
class Head:
    """All of a home's rows with ids from `floor` on, newest first, as far as they were committed before it was read."""

    entries: Sequence[Candidate]
    floor: int
    filled_ms: int

    def read(self, before_id: int, from_id: int, limit: int) -> list[Candidate]:
        """What of the answer lies in the head."""
        return [entry for entry in self.entries if from_id <= entry.tweet_id < before_id][:limit]

    def encode(self) -> bytes:
        return encode_many(self.entries) + _TRAILER.pack(_HEAD, self.filled_ms, self.floor)


class CachedHeads:
    """A `HomeStore`. `size`: how many entries a head holds when it is used; more may wait in it to be trimmed."""

    def __init__(
        self, homes: HomeStore, cache: CacheStore, runtime: Runtime, settings: TimelineSettings, size: int
    ) -> None:
        self._homes, self._cache, self._runtime, self._size = homes, cache, runtime, size
        horizon_ms = settings.activity_horizon_ms - settings.activity_margin_ms
        # His active_at may be so much older than the moment at which he filled the head.
        self._good_ms = horizon_ms - settings.activity_touch_ms

    def write(
        self,
        call: Call,
        rows: Sequence[tuple[int, Candidate]],
        progress: Sequence[Progress] = (),
        forget: Sequence[Progress] = (),
    ) -> None:
        """Raises `Unavailable` where a head may now lack a row: the job is then done again, which changes nothing. So
        its resume point moves only when the heads have its rows."""
        if rows:
            self._homes.write(call, rows)
            self._cache.prepend_many(call, _prepended(rows))
        self._homes.write(call, [], progress, forget)

    def read(self, call: Call, user_id: int, before_id: int, from_id: int, limit: int) -> list[Candidate]:
        head = self._head(call, user_id, from_id, fill=before_id == MAX_ID and not call.may_fall_back)
        if head is None:
            return self._homes.read(call, user_id, before_id, from_id, limit)
        found = head.read(before_id, from_id, limit)
        if len(found) < limit and from_id < head.floor:
            found += self._homes.read(call, user_id, min(before_id, head.floor), from_id, limit - len(found))
        return found

    def version(self, call: Call) -> object:
        return self._homes.version(call)

    def progress(self, call: Call, jobs: Sequence[tuple[int, int]]) -> list[int]:
        return self._homes.progress(call, jobs)

    def expire(self, call: Call, after_user: int, users: int, below_id: int) -> int:
        return self._homes.expire(call, after_user, users, below_id)

    def _head(self, call: Call, user_id: int, from_id: int, *, fill: bool) -> Head | None:
        """None: the store has to be read. `from_id`: where the home ends, for a head that holds all of it."""
        key = _key(user_id)
        held = self._cache.get_many(call, [key]).get(key)
        kind, filled_ms, floor = _trailer(held.value) if held else (b"", 0, 0)
        if call.made_of is not None and held is not None:
            call.made_of.add_token(key, held.token)
            call.made_of.end_at(filled_ms + self._good_ms)
        too_old = kind == _HEAD and self._runtime.now_ms() - filled_ms >= self._good_ms
        if held is None or too_old:
            return self._filled(call, user_id, from_id, held) if fill else None
        if kind != _HEAD:
            return None
        entries = decode_many(held.value[: -_TRAILER.size])
        head = self._trimmed(entries, floor, filled_ms)
        if len(entries) > 2 * self._size:
            self._cas(call, user_id, head.encode(), HEAD_SECONDS, held)
        return head

    def _filled(self, call: Call, user_id: int, from_id: int, old: Cached | None) -> Head | None:
        """None where somebody else fills it. `old`: a head that is no longer good, to be replaced."""
        key, nonce, now = _key(user_id), self._runtime.random.getrandbits(_NONCE_BITS), self._runtime.now_ms()
        if not self._claimed(call, user_id, _TRAILER.pack(_LOADING, nonce, 0), old):
            return None
        rows = self._homes.read(call, user_id, MAX_ID, from_id, self._size)
        head = Head(rows, rows[-1].tweet_id if len(rows) == self._size else from_id, now)
        for _ in range(ROUNDS):
            held = self._cache.get_many(call, [key]).get(key)
            if held is None or _trailer(held.value)[:2] != (_LOADING, nonce):
                break
            prepended = decode_many(held.value[: -_TRAILER.size])
            merged = self._trimmed([*prepended, *rows], head.floor, now)
            if self._cas(call, user_id, merged.encode(), HEAD_SECONDS, held):
                return merged
        return head

    def _claimed(self, call: Call, user_id: int, loading: bytes, old: Cached | None) -> bool:
        if old is not None:
            return self._cas(call, user_id, loading, LOADING_SECONDS, old)
        key = _key(user_id)
        return key in self._cache.add_many(call, {key: loading}, LOADING_SECONDS)

    def _trimmed(self, entries: Iterable[Candidate], floor: int, filled_ms: int) -> Head:
        """Each once, newest first, and exactly `size` of them where there are more: a head is complete only down to the
        last of those."""
        unique = {entry.tweet_id: entry for entry in entries if entry.tweet_id >= floor}
        newest = [unique[tweet_id] for tweet_id in sorted(unique, reverse=True)]
        if len(newest) > self._size:
            del newest[self._size :]
            floor = newest[-1].tweet_id
        return Head(newest, floor, filled_ms)

    def _cas(self, call: Call, user_id: int, value: bytes, ttl_seconds: float, held: Cached) -> bool:
        key = _key(user_id)
        return key in self._cache.cas_many(call, {key: Replacement(value, held.token, ttl_seconds)})


def is_cached(cache: CacheStore, call: Call, user_id: int) -> bool:
    """Whether the cache holds the head of his home now; does not make one."""
    held = cache.get_many(call, [_key(user_id)]).get(_key(user_id))
    return held is not None and _trailer(held.value)[0] == _HEAD


def _prepended(rows: Sequence[tuple[int, Candidate]]) -> dict[CacheKey, bytes]:
    """What comes in front of each head. One post goes to very many: it is encoded once."""
    encoded = {candidate: encode_many([candidate]) for candidate in {candidate for _, candidate in rows}}
    by_user: dict[int, bytes] = {}
    for user_id, candidate in rows:
        by_user[user_id] = by_user.get(user_id, b"") + encoded[candidate]
    return {_key(user_id): value for user_id, value in by_user.items()}


def _key(user_id: int) -> CacheKey:
    return CacheKey(user_id, f"head.{VERSION}:{user_id}")


def _trailer(value: bytes) -> tuple[bytes, int, int]:
    kind, number, floor = _TRAILER.unpack_from(value, len(value) - _TRAILER.size)
    return kind, number, floor
