"""Pages of homes, joined from cached bytes: no message is parsed or built for a post or a user that is shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from murmuration.v1 import timeline_pb2 as api
from murmuration_server.platform.wire import message, number
from murmuration_server.timeline.home import HomePage
from murmuration_server.timeline.merge import Entry
from murmuration_server.timeline.reasons import Reason
from murmuration_server.tweets.client import Counts

READY = api.TimelineState.STATUS_READY
REBUILDING = api.TimelineState.STATUS_REBUILDING
DEGRADED = api.TimelineState.STATUS_DEGRADED

_ITEM = api.HomeTimelineItem.DESCRIPTOR.fields_by_name
_TWEET, _COUNTS = _ITEM["tweet"].number, _ITEM["counts"].number
_VIEWER, _REASONS = _ITEM["viewer_state"].number, _ITEM["reasons"].number
_REPOSTED_TWEET = _ITEM["reposted_tweet"].number
_PAGE = api.ListHomeTimelineResponse.DESCRIPTOR.fields_by_name
_ITEMS, _USERS, _TOKEN, _STATE = (_PAGE[name].number for name in ("items", "users", "next_page_token", "state"))


def home_page(page: HomePage, reposted: frozenset[int], users: Mapping[int, bytes], token: str) -> bytes:
    """A serialized ListHomeTimelineResponse without its state, which may follow."""
    parts = [message(_ITEMS, _item(entry, page, reposted)) for entry in page.entries]
    parts += [message(_USERS, user) for user in users.values()]
    if token:
        parts.append(message(_TOKEN, token.encode()))
    return b"".join(parts)


def _item(entry: Entry, page: HomePage, reposted: frozenset[int]) -> bytes:
    candidate, shown = entry.candidate, entry.candidate.shown_id
    parts = [
        message(_TWEET, page.records[candidate.tweet_id].body),
        _counts(page.counts.get(shown, Counts(0, 0))),
        _viewer(shown in reposted),
        _reasons(entry.reasons),
    ]
    if shown != candidate.tweet_id:
        parts.append(message(_REPOSTED_TWEET, page.records[shown].body))
    return b"".join(parts)


@lru_cache(maxsize=4096)
def _counts(counts: Counts) -> bytes:
    return message(_COUNTS, number(1, counts.replies) + number(2, counts.reposts))


@lru_cache(maxsize=2)
def _viewer(reposted: bool) -> bytes:
    return message(_VIEWER, number(1, int(reposted)))


@lru_cache(maxsize=64)
def _reasons(reasons: tuple[Reason, ...]) -> bytes:
    return message(_REASONS, bytes(sorted(reasons)))


def timeline_state(status: api.TimelineState.Status.ValueType, as_of_ms: int, lag_ms: int) -> bytes:
    """What a page ends with."""
    state = api.TimelineState(status=status, as_of_ms=as_of_ms, lag_ms=lag_ms)
    return message(_STATE, state.SerializeToString())
