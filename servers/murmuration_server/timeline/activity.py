"""Whether a reader's stored home can be trusted: fan-out skips who is long inactive, and a home that was skipped is
rebuilt.

A reader's horizon is shorter than fan-out's by more than the clock skew, and he looks at the clock again after touching
active_at. (Model-checked: with one horizon for both, fan-out skips a home that a reader still finds fresh.)
"""

from __future__ import annotations

from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.ids import IdGenerator, time_ms
from murmuration_server.timeline.events import rebuild_requested
from murmuration_server.timeline.store import INCOMPLETE, HomeState, HomeStateStore


def is_skipped(active_at_ms: int | None, user_id: int, now_ms: int, settings: TimelineSettings) -> bool:
    """Fan-out's side. None: the user has never read; he counts as active when he was created."""
    active = time_ms(user_id) if active_at_ms is None else active_at_ms
    return now_ms - active >= settings.activity_horizon_ms


class Activity:
    """The reader's side."""

    def __init__(
        self,
        states: HomeStateStore,
        ids: IdGenerator,
        buckets: BucketRule,
        quota: OutboxQuota,
        settings: TimelineSettings,
    ) -> None:
        self._states, self._ids, self._buckets = states, ids, buckets
        self._quota, self._settings = quota, settings

    def enter(self, call: Call, user_id: int) -> int:
        """Notes that the user reads now. Answers from which id on his home is complete; `INCOMPLETE` while it is being
        rebuilt, which this begins where it is needed."""
        state = self._states.get(call, user_id) or HomeState(time_ms(user_id), 0, 0)
        now = call.runtime.now_ms()
        if self._is_stale(state.active_at_ms, now):
            self.rebuild(call, user_id)
            return INCOMPLETE
        if state.complete_since == INCOMPLETE:
            if now - state.requested_at_ms >= self._settings.rebuild_retry_ms:
                self.rebuild(call, user_id)
            return INCOMPLETE
        if now - state.active_at_ms >= self._settings.activity_touch_ms:
            self._states.touch(call, user_id, now)
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
        self._states.begin_rebuild(call, user_id, now, outbox, bucket)
        self._buckets.settle(call, self._states, bucket, outbox)

    def _is_stale(self, active_at_ms: int, now_ms: int) -> bool:
        return now_ms - active_at_ms >= self._settings.activity_horizon_ms - self._settings.activity_margin_ms
