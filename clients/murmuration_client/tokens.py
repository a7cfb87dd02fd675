"""A bearer token that is fetched when it is needed, and again before it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

RENEW_AT = 0.8
"""Part of its life after which a token is fetched anew, while it is still good."""


class KeptToken:
    """A token and how long it is good; times in seconds by a monotonic clock."""

    def __init__(self) -> None:
        self._token = ""
        self._renew_at = self._ends_at = float("-inf")

    def keep(self, token: str, seconds: float, now: float) -> str:
        """Takes a token fetched just now. Raises ValueError for one that is empty or not good any more."""
        if not token or not seconds > 0:
            raise ValueError("the token's source must answer a token and for how many seconds it is good")
        self._token, self._renew_at, self._ends_at = token, now + RENEW_AT * seconds, now + seconds
        return token

    def fresh(self, now: float) -> str | None:
        return self._token if now < self._renew_at else None

    def good(self, now: float) -> str | None:
        return self._token if now < self._ends_at else None


class RenewedToken:
    """Client(…, token=RenewedToken(fetch)): fetch answers a token and for how many seconds it is good.

    One thread fetches, the others wait for it. If a renewal fails while the last token is good, that one is used, and
    the next call tries again; otherwise what `fetch` raises reaches the caller.
    """

    def __init__(self, fetch: Callable[[], tuple[str, float]], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._kept, self._lock = KeptToken(), threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            if (token := self._kept.fresh(self._clock())) is not None:
                return token
            try:
                return self._kept.keep(*self._fetch(), self._clock())
            except Exception:
                if (token := self._kept.good(self._clock())) is not None:
                    return token
                raise
