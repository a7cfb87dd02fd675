"""Forgets request_ids that nobody may repeat any more."""

from __future__ import annotations

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TweetSettings
from murmuration_server.tweets.store import TweetStore


class ClaimUpkeep:
    def __init__(self, store: TweetStore, settings: TweetSettings) -> None:
        self._store, self._settings = store, settings

    def run_once(self, call: Call) -> bool:
        self._store.forget_claims(call, call.runtime.now_ms() - self._settings.request_id_ms)
        return False
