"""What is looked at in every answer while load runs. What is found wrong is a failure of the run, not a figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from murmuration.v1 import timeline_pb2


class Wrong(Exception):
    """A promise was seen broken. The text says which, without ids: equal ones are counted together."""


ORDER = "a home is not newest first"
TWICE = "a home has a post twice"
NOT_NEWER = "a refresh has a post that is not newer"
OWN_MISSING = "a post is not in its author's next read"
UNFOLLOWED = "an author is in the next read after he was unfollowed"
DELETED_READ = "a deleted post is in its author's next read"
DELETED_FETCHED = "a deleted post can be fetched"
NOT_DELIVERED = "a post that counts as delivered is not in a follower's home"


def check_items(items: Iterable[timeline_pb2.HomeTimelineItem], *, since: int = 0, after: int = 0) -> Sequence[int]:
    """Ids of a page. since: of the query, all are above it. after: the last id of the page before. Raises Wrong."""
    ids = [item.tweet.tweet_id for item in items]
    for above, below in pairwise([after, *ids] if after else ids):
        if below >= above:
            raise Wrong(TWICE if below == above or ids.count(below) > 1 else ORDER)
    if ids and ids[-1] <= since:
        raise Wrong(NOT_NEWER)
    return ids


def check_unfollowed(items: Iterable[timeline_pb2.HomeTimelineItem], author_id: int) -> None:
    """Raises Wrong if any item is the author's, as a post or as a repost."""
    if any(item.tweet.author_id == author_id for item in items):
        raise Wrong(UNFOLLOWED)
