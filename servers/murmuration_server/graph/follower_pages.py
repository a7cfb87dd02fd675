"""Pages of followers, and how many may be asked for at once: an answer's ids have to fit into memory and a message."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_LIMIT = 10_000
"""Of one page."""
MAX_PAGES = 256
"""Of one request, and below its limits' sum."""
MAX_IDS = 100_000


class FollowerPage(NamedTuple):
    """Of one shard of an author's followers: up to `limit` of those with ids greater than `after`."""

    author_id: int
    shard: int
    after: int
    limit: int


def requests_of(pages: Iterable[FollowerPage]) -> Iterator[list[FollowerPage]]:
    """The pages in their order, cut into what one request may ask for."""
    part: list[FollowerPage] = []
    ids = 0
    for page in pages:
        if part and (len(part) == MAX_PAGES or ids + page.limit > MAX_IDS):
            yield part
            part, ids = [], 0
        part.append(page)
        ids += page.limit
    if part:
        yield part
