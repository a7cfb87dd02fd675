"""Drops rows of homes that lie beyond the horizon, some users at a time, round and round."""

from __future__ import annotations

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS, TimelineSettings
from murmuration_server.platform.ids import floor_id
from murmuration_server.timeline.store import HomeStore

USERS_A_STEP = 200


class HomeUpkeep:
    def __init__(self, homes: HomeStore, settings: TimelineSettings) -> None:
        self._homes, self._settings = homes, settings
        self._after = 0

    def run_once(self, call: Call) -> bool:
        # A walk that began a day ago may still reach to its own horizon.
        below = floor_id(call.runtime.now_ms() - self._settings.horizon_ms - DAY_MS)
        self._after = self._homes.expire(call, self._after, USERS_A_STEP, below)
        return False
