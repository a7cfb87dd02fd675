"""A bearer token that is fetched when it is needed, and again before it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from murmuration_client.tokens import KeptToken


class AsyncRenewedToken:
    """AsyncClient(…, token=AsyncRenewedToken(fetch)), as `murmuration_client/tokens.py:RenewedToken`: one task fetches,
    the others wait for it."""

    def __init__(
        self, fetch: Callable[[], Awaitable[tuple[str, float]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch, self._clock = fetch, clock
        self._kept, self._lock = KeptToken(), asyncio.Lock()

    async def __call__(self) -> str:
        async with self._lock:
            if (token := self._kept.fresh(self._clock())) is not None:
                return token
            try:
                return self._kept.keep(*await self._fetch(), self._clock())
            except Exception:
                if (token := self._kept.good(self._clock())) is not None:
                    return token
                raise
