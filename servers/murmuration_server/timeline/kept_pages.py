"""First pages of homes, kept for as long as nothing that they were made of has changed.

A page is made of cached values (relations, own posts, records, counts, ...) and of rows of the stored home, of whose
changes a validator knows (timeline/validators.py), and of what the view of PULL posts has of its reader's followees.
All is asked before the page is read, so a change meanwhile is a change. What a writer that died or ran out of time has
stored and not made known, the consumer of its event makes known, as for the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from murmuration_server.platform.call import Call
from murmuration_server.platform.ingredients import Ingredients
from murmuration_server.platform.runtime import Runtime
from murmuration_server.timeline.cursor import Query
from murmuration_server.timeline.validators import Validator

KEPT_MS = 60_000
"""A page's cursor ages with it, and its walk goes back as far as it did when the page was made."""
BYTES_A_PAGE = 16 * 1024
"""In the mean: a few pages may be much larger, and then fewer are kept."""


class Asked(NamedTuple):
    query: Query
    size: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A page on its way: as of when it was begun."""

    made_of: Ingredients
    begun: Any
    """The validator's."""
    made_ms: int


@dataclass(frozen=True, slots=True)
class _Page:
    body: bytes
    proof: Any
    """The validator's."""
    looks: Sequence[Callable[[], bool]]
    made_ms: int
    until_ms: int


class KeptPages:
    """`kept`: pages at most, and bytes for so many of `BYTES_A_PAGE`; the oldest goes first. 0 keeps none."""

    def __init__(self, validator: Validator[Any, Any], runtime: Runtime, kept: int) -> None:
        self._validator, self._kept = validator, kept
        self._lock = runtime.lock()
        self._pages: dict[Asked, _Page] = {}
        self._bytes = 0

    def begin(self, call: Call) -> Draft | None:
        """To be asked before a page is read, for a call that notes into its `made_of`. None where pages are not
        kept."""
        if not self._kept or call.may_fall_back:
            return None
        now = call.runtime.now_ms()
        return Draft(Ingredients(now + KEPT_MS), self._validator.begin(call), now)

    def keep(self, asked: Asked, draft: Draft, body: bytes) -> None:
        made_of = draft.made_of
        proof = self._validator.proof(draft.begun, made_of) if made_of.known else None
        if proof is None:
            return
        page = _Page(body, proof, made_of.looks, draft.made_ms, made_of.until_ms)
        with self._lock:
            self._drop(asked)
            self._pages[asked] = page
            self._bytes += len(body)
            while len(self._pages) > self._kept or self._bytes > self._kept * BYTES_A_PAGE:
                self._drop(next(iter(self._pages)))

    def at_hand(self, call: Call, asked: Asked) -> bytes | None:
        """A page that is right, as far as can be said without waiting for anything."""
        page = self._standing(call, asked)
        return page.body if page and self._validator.holds_at_hand(call, page.proof) else None

    def read_again(self, call: Call, asked: Asked) -> bytes | None:
        """A page that is right, for certain."""
        page = self._standing(call, asked)
        return page.body if page and self._validator.holds(call, page.proof) else None

    def _drop(self, asked: Asked) -> None:
        page = self._pages.pop(asked, None)
        self._bytes -= len(page.body) if page else 0

    def _standing(self, call: Call, asked: Asked) -> _Page | None:
        """One that neither time has ended nor the view of PULL posts."""
        page = self._pages.get(asked)
        if page is None or not page.made_ms <= call.runtime.now_ms() < page.until_ms:
            return None
        return page if all(is_alike() for is_alike in page.looks) else None
