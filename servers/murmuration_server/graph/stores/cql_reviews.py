"""Which authors' modes are to be looked at: those of whom something changed that decides it.

There is no index by number of followers. Whoever writes a follow, its end or a mode also puts the author into a list;
the mode keeper counts those in it and takes out whose mode is as it should be. What it may miss, because clocks differ,
the author's next change brings back: a mode may be late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from murmuration_server.graph.store import AuthorMode
from murmuration_server.graph.stores.cql_schema import (
    ASK_REVIEW,
    DROP_REVIEW,
    PARTS_WITH_REVIEWS,
    READ_REVIEWS,
    REVIEW_PARTS,
)
from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Request

LOOKED_AT = 64
"""Authors of one part that are counted in one go."""


class ModeReviews:
    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def ask(self, call: Call, author_id: int) -> Request:
        now_us = call.runtime.now_ms() * 1000
        return ASK_REVIEW, (author_id % REVIEW_PARTS, author_id, now_us, now_us)

    def find(
        self,
        call: Call,
        modes_of: Callable[[Sequence[int]], Sequence[AuthorMode]],
        is_due: Callable[[AuthorMode], bool],
        limit: int,
    ) -> list[AuthorMode]:
        """Up to `limit` listed authors that are due. The others, and those that are pinned, leave the list."""
        due: list[AuthorMode] = []
        for part in sorted(row[0] for row in self._session.rows(call, PARTS_WITH_REVIEWS)):
            after = -1
            while len(due) < limit:
                listed: dict[int, int] = dict(self._session.rows(call, READ_REVIEWS, part, after, LOOKED_AT))
                modes = modes_of(list(listed))
                found = {author.author_id for author in modes if not author.pinned and is_due(author)}
                due += [author for author in modes if author.author_id in found]
                self._session.write(
                    call,
                    *(
                        (DROP_REVIEW, (asked_us, part, author_id))
                        for author_id, asked_us in listed.items()
                        if author_id not in found
                    ),
                )
                if len(listed) < LOOKED_AT:
                    break
                after = max(listed)
        return due[:limit]
