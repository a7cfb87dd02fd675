"""Walking through pages. A page may be short or empty and still not be the last: only an empty token ends the walk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import grpc

from murmuration_client.errors import InternalError


class Page(Protocol):
    """Any response with AIP-158 paging."""

    @property
    def next_page_token(self) -> str: ...


_Page = TypeVar("_Page", bound=Page)


def pages(fetch: Callable[[str], _Page]) -> Iterator[_Page]:
    """Every page, beginning with token "". Raises InternalError if the walk stands still, which would never end."""
    token: str | None = ""
    while token is not None:
        page = fetch(token)
        yield page
        token = token_after(page, token)


def token_after(page: Page, asked: str) -> str | None:
    """The token of the next page, None at the end. asked: the token with which this page was asked for.

    Raises InternalError if they are the same.
    """
    if not page.next_page_token:
        return None
    if page.next_page_token == asked:
        raise InternalError(
            "The server answered a page with the token that was asked for, so the walk would never end.",
            reason="INTERNAL",
            code=grpc.StatusCode.INTERNAL,
        )
    return page.next_page_token
