"""Merging sources of candidates, newest first, without ever passing below a source that is not exhausted.

A source is an iterator of `Found`, ids falling. What lies deeper is fetched only when the merge comes to it: a source
that may begin further down first yields a `Found` without candidate, at the id below which it would begin.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from murmuration_server.timeline.reasons import Reason
from murmuration_server.tweets.client import Candidate

Older = Callable[[Sequence[tuple[int, int]]], dict[int, tuple[list[Candidate], bool]]]
"""For (author, before_id) pairs: candidates below, newest first, and whether there are none below those."""


class Found(NamedTuple):
    """A candidate and where it was found; or the place at which a source may begin."""

    tweet_id: int
    reason: Reason
    candidate: Candidate | None


class Entry(NamedTuple):
    candidate: Candidate
    reasons: tuple[Reason, ...]


_by_id = attrgetter("tweet_id")


def merge(sources: Iterable[Iterator[Found]]) -> Iterator[Entry]:
    """Each candidate once, with the reasons of all the sources that had it."""
    current: Candidate | None = None
    reasons: list[Reason] = []
    for found in heapq.merge(*sources, key=_by_id, reverse=True):
        if found.candidate is None:
            continue
        if current is not None and found.tweet_id == current.tweet_id:
            if found.reason not in reasons:
                reasons.append(found.reason)
            continue
        if current is not None:
            yield Entry(current, tuple(reasons))
        current, reasons = found.candidate, [found.reason]
    if current is not None:
        yield Entry(current, tuple(reasons))


def listed(candidates: Iterable[Candidate], reason: Reason, before_id: int, from_id: int) -> Iterator[Found]:
    """Candidates that are at hand, newest first."""
    for candidate in candidates:
        if from_id <= candidate.tweet_id < before_id:
            yield Found(candidate.tweet_id, reason, candidate)


def paged(
    read: Callable[[int, int], list[Candidate]], reason: Reason, before_id: int, first: int, more: int
) -> Iterator[Found]:
    """A source that is read page by page: `read(before_id, limit)`, at first `first` candidates, then `more`."""
    limit = first
    while True:
        page = read(before_id, limit)
        for candidate in page:
            yield Found(candidate.tweet_id, reason, candidate)
        if len(page) < limit:
            return
        before_id, limit = page[-1].tweet_id, more


def author(author_id: int, older: Older, reason: Reason, before_id: int) -> Iterator[Found]:
    """An author's list below `before_id`, from the store."""
    exhausted = False
    while not exhausted:
        candidates, exhausted = older([(author_id, before_id)])[author_id]
        for candidate in candidates:
            yield Found(candidate.tweet_id, reason, candidate)
        if candidates:
            before_id = candidates[-1].tweet_id


def deeper(
    floors: Sequence[tuple[int, int]], older: Older, reason: Reason, before_id: int, from_id: int
) -> Iterator[Found]:
    """Lists of authors, each below a floor of its own, down to `from_id`. `floors`: (floor, author), greatest first.

    An author is asked about only when the merge has come down to his floor; those of one floor are asked about at once.
    """
    active: list[tuple[int, int, Iterator[Found], Found]] = []
    position, last = 0, bisect_left(floors, -from_id, key=lambda floor: -floor[0])
    while position < last or active:
        floor = min(floors[position][0], before_id) if position < last else -1
        if floor > (-active[0][0] if active else -1):
            if floor < before_id:
                yield Found(floor, reason, None)
            end = position
            while end < last and min(floors[end][0], before_id) == floor:
                end += 1
            for stream in _streams([(who, floor) for _, who in floors[position:end]], older, reason):
                _push(active, stream)
            position = end
        else:
            _, _, stream, found = heapq.heappop(active)
            yield found
            _push(active, stream)


def below(floor: int, reason: Reason, before_id: int, begin: Callable[[], Iterator[Found]]) -> Iterator[Found]:
    """A source that is made only when the merge has come down to `floor`."""
    if floor < before_id:
        yield Found(floor, reason, None)
    yield from begin()


def _streams(authors: Sequence[tuple[int, int]], older: Older, reason: Reason) -> Iterator[Iterator[Found]]:
    first = older(authors)
    for author_id, _ in authors:
        candidates, exhausted = first.get(author_id, ([], True))
        yield _continued(author_id, candidates, exhausted, older, reason)


def _continued(
    author_id: int, candidates: list[Candidate], exhausted: bool, older: Older, reason: Reason
) -> Iterator[Found]:
    for candidate in candidates:
        yield Found(candidate.tweet_id, reason, candidate)
    if not exhausted and candidates:
        yield from author(author_id, older, reason, candidates[-1].tweet_id)


def _push(active: list[tuple[int, int, Iterator[Found], Found]], stream: Iterator[Found]) -> None:
    found = next(stream, None)
    if found is not None:
        heapq.heappush(active, (-found.tweet_id, id(stream), stream, found))
