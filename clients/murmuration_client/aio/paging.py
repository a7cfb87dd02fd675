"""Walking through pages, as `murmuration_client/paging.py` does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from murmuration_client.paging import Page, token_after

_Page = TypeVar("_Page", bound=Page)


async def pages(fetch: Callable[[str], Awaitable[_Page]]) -> AsyncIterator[_Page]:
    """Every page, beginning with token "". Raises InternalError if the walk stands still."""
    token: str | None = ""
    while token is not None:
        page = await fetch(token)
        yield page
        token = token_after(page, token)
