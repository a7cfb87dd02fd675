"""First pages of homes, kept for as long as nothing that they were made of has changed. Right only where one process
serves: it knows of every change of what it has cached.

A page is made of cached values (relations, own posts, records, counts, ...), whose changes this process notes; of rows
of the stored home, which the worker writes: as long as the file is the same so are they, else they are read again; and
of the view of PULL posts. All is asked before the page is read, so a change meanwhile is a change. What a writer that
died or ran out of time has stored and not noted, the consumer of its event notes, as for the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from murmuration_server.cache.changes import Changes
from murmuration_server.platform.call import Call
from murmuration_server.platform.ingredients import Ingredients
from murmuration_server.platform.runtime import Runtime
from murmuration_server.timeline.cursor import Query
from murmuration_server.timeline.pull_view import PullView
from murmuration_server.timeline.store import HomeStore
from murmuration_server.tweets.client import Candidate

KEPT_MS = 60_000
"""A page's cursor ages with it, and its walk goes back as far as it did when the page was made."""


class Asked(NamedTuple):
    query: Query
    size: int


@dataclass(slots=True)
class Page:
    """On its way, and kept. `changes`, `homes`, `view`: as of when it was known to be right."""

    made_of: Ingredients
    changes: int
    homes: object
    view: Sequence[Candidate]
    made_ms: int
    body: bytes = b""
    values: Sequence[tuple[str, int]] = ()
    """The cached values that it is made of."""


class KeptPages:
    """`kept`: pages at most, the oldest goes first; 0 keeps none."""

    def __init__(self, changes: Changes, homes: HomeStore, view: PullView, runtime: Runtime, kept: int) -> None:
        self._changes, self._homes, self._view, self._kept = changes, homes, view, kept
        self._lock = runtime.lock()
        self._pages: dict[Asked, Page] = {}

    def begin(self, call: Call) -> Page | None:
        """To be asked before a page is read, for a call that notes into its `made_of`. None where pages are not
        kept."""
        if not self._kept:
            return None
        now = call.runtime.now_ms()
        changes, homes = self._changes.count(), self._homes.version(call)
        return Page(Ingredients(now + KEPT_MS), changes, homes, self._view.snapshot().newest_first, now)

    def keep(self, asked: Asked, page: Page, body: bytes) -> None:
        if page.made_of.known:
            page.body, page.values = body, tuple(page.made_of.cached)
            page.made_of.cached.clear()  # A set takes twice as much.
            with self._lock:
                self._pages.pop(asked, None)
                self._pages[asked] = page
                if len(self._pages) > self._kept:
                    del self._pages[next(iter(self._pages))]

    def at_hand(self, call: Call, asked: Asked) -> bytes | None:
        """A page that is right, as far as can be said without waiting for anything."""
        page = self._pages.get(asked)
        if page is None or not self._stands(call, page):
            return None
        return page.body if page.homes == self._homes.version(call) else None

    def read_again(self, call: Call, asked: Asked) -> bytes | None:
        """A page that is right, for certain."""
        page = self._pages.get(asked)
        if page is None or not self._stands(call, page):
            return None
        # Before the rows are read: what is written meanwhile makes another version.
        homes = self._homes.version(call)
        if not page.made_of.read_alike(call):
            return None
        page.homes = homes
        return page.body

    def _stands(self, call: Call, page: Page) -> bool:
        """Whether its cached values, its view and its time are the same."""
        changes = self._changes.count()
        if changes != page.changes:
            if not self._changes.none_since(page.changes, page.values):
                return False
            page.changes = changes
        alike = page.view is self._view.snapshot().newest_first
        return alike and page.made_ms <= call.runtime.now_ms() < page.made_of.until_ms
