"""Whether a reader's stored home can be trusted: fan-out skips who is long inactive, and a home that was skipped is
rebuilt.

A reader's horizon is shorter than fan-out's by more than the clock skew, and he looks at the clock again after touching
active_at. (Model-checked: with one horizon for both, fan-out skips a home that a reader still finds fresh.)
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Entry, Kind
from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.ids import IdGenerator, floor_id, time_ms
from murmuration_server.platform.newest import Newest
from murmuration_server.timeline.events import rebuild_requested
from murmuration_server.timeline.store import INCOMPLETE, HomeState, HomeStateStore

CACHED_SECONDS = 3600.0
REMEMBERED = 100_000
"""Active readers older than the horizon whom a lane of fan-out remembers, in some 18 MB."""
_LAYOUT = struct.Struct("<qqq")


class ActiveReaders:
    """Fan-out's side: those whom it does not skip. Who has never read counts as active when he was created. For one
    thread.

    `active_at_ms` is asked only about those for whom it matters, and about those whom it finds active not again until
    they may be so no more: it never goes back, and most deliveries are to the same readers. `remembered`: of how many
    readers it is known.
    """

    def __init__(
        self,
        active_at_ms: Callable[[Call, Sequence[int]], Mapping[int, int]],
        settings: TimelineSettings,
        remembered: int = REMEMBERED,
    ) -> None:
        self._active_at_ms, self._horizon_ms = active_at_ms, settings.activity_horizon_ms
        self._last_seen: Newest[int, int] = Newest(remembered)

    def among(self, call: Call, user_ids: Sequence[int]) -> Sequence[int]:
        """`user_ids`: in order."""
        since_ms = call.runtime.now_ms() - self._horizon_ms
        # Compared as ids: who has been created since needs no further look.
        created_since = bisect_left(user_ids, floor_id(since_ms + 1))
        if created_since == 0:
            return user_ids
        older, known = user_ids[:created_since], self._last_seen
        unknown = [id_ for id_ in older if known.get(id_, 0) <= since_ms]
        found = self._active_at_ms(call, unknown) if unknown else {}
        skipped = {id_ for id_ in unknown if found.get(id_, 0) <= since_ms}
        for id_ in unknown:
            if id_ not in skipped:
                self._last_seen.put(id_, found[id_])
        return [id_ for id_ in older if id_ not in skipped] + list(user_ids[created_since:])


class Activity:
    """The reader's side."""

    def __init__(
        self,
        states: HomeStateStore,
        cache: Cache,
        ids: IdGenerator,
        buckets: BucketRule,
        quota: OutboxQuota,
        settings: TimelineSettings,
    ) -> None:
        self._states, self._cache, self._ids, self._buckets = states, cache, ids, buckets
        self._quota, self._settings = quota, settings
        self.state_kind: Kind[HomeState] = Kind(
            "home_state",
            1,
            CACHED_SECONDS,
            self._load,
            encode=lambda state: _LAYOUT.pack(state.active_at_ms, state.complete_since, state.requested_at_ms),
            decode=lambda data: HomeState(*_LAYOUT.unpack(data)),
            keep_parsed=True,
        )

    def inspect(self, call: Call, user_id: int) -> tuple[HomeState, bool]:
        """The state from the store, and whether the cache holds it now; changes neither."""
        held = self._cache.held(call, [Entry(self.state_kind, user_id)])
        return self._load(call, [user_id])[user_id], bool(held)

    def enter(self, call: Call, user_id: int, state: HomeState) -> int:
        """Notes that the user reads now. Answers from which id on his home is complete; `INCOMPLETE` while it is being
        rebuilt, which this begins where it is needed. `state`: the value of `state_kind`."""
        now = call.runtime.now_ms()
        if call.made_of is not None:
            call.made_of.end_at(state.active_at_ms + self._settings.activity_touch_ms)
        if call.may_fall_back:
            # Nothing can be written: the next call that can be notes it.
            return INCOMPLETE if self._is_stale(state.active_at_ms, now) else state.complete_since
        if self._is_stale(state.active_at_ms, now):
            self.rebuild(call, user_id)
            return INCOMPLETE
        if state.complete_since == INCOMPLETE:
            if now - state.requested_at_ms >= self._settings.rebuild_retry_ms:
                self.rebuild(call, user_id)
            return INCOMPLETE
        if now - state.active_at_ms >= self._settings.activity_touch_ms:
            try:
                self._states.touch(call, user_id, now)
            finally:
                self._cache.delete(call, self.state_kind, user_id)
            if self._is_stale(state.active_at_ms, call.runtime.now_ms()):
                self.rebuild(call, user_id)
                return INCOMPLETE
        return state.complete_since

    def rebuild(self, call: Call, user_id: int) -> None:
        """Marks the home incomplete and asks the workers to read it anew."""
        self._quota.admit()
        now = call.runtime.now_ms()
        outbox = [rebuild_requested(call, self._ids.next(call), user_id, now)]
        bucket = self._buckets.present()
        try:
            self._states.begin_rebuild(call, user_id, now, outbox, bucket)
        finally:
            self._cache.delete(call, self.state_kind, user_id)
        self._buckets.settle(call, self._states, bucket, outbox)

    def complete(self, call: Call, user_id: int, requested_at_ms: int, complete_since: int) -> bool:
        """The home was read anew; answers whether no later request stands."""
        try:
            return self._states.complete_rebuild(call, user_id, requested_at_ms, complete_since)
        finally:
            self._cache.delete(call, self.state_kind, user_id)

    def _load(self, call: Call, user_ids: Sequence[int]) -> Mapping[int, HomeState]:
        return {user_id: self._states.get(call, user_id) or HomeState(time_ms(user_id), 0, 0) for user_id in user_ids}

    def _is_stale(self, active_at_ms: int, now_ms: int) -> bool:
        return now_ms - active_at_ms >= self._settings.activity_horizon_ms - self._settings.activity_margin_ms
