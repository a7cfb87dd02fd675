"""The store port of posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from murmuration_server.eventlog.outbox import OutboxRow, OutboxSource
from murmuration_server.platform.call import Call
from murmuration_server.tweets.candidate import Candidate
from murmuration_server.tweets.entries import Counts
from murmuration_server.tweets.record import TweetRecord


@dataclass(frozen=True, slots=True)
class Claim:
    """A request_id (AIP-155) that is taken: whoever comes with it again finishes under this id and mode."""

    actor_id: int
    method: str
    request_id: str
    digest: bytes
    tweet_id: int
    mode: int
    claimed_ms: int


class ListRange(NamedTuple):
    """Of an author's list the ids in [from_id, before_id); before_id 0: no bound."""

    author_id: int
    before_id: int
    from_id: int


class TweetStore(OutboxSource, Protocol):
    """A post is stored with all of its rows and its event, or not at all. A deleted post leaves a marker for ever."""

    def claim(self, call: Call, claim: Claim, expired_before_ms: int) -> Claim:
        """Takes (actor, method, request_id), or answers the claim that has it and is not expired. One of two callers
        at once gets the other's."""
        ...

    def create(self, call: Call, record: TweetRecord, outbox: Sequence[OutboxRow], bucket: int) -> int:
        """Answers the id that stands: of this post, also if it is stored already; for a repost of what the author has
        reposted before, the id of that repost. Then nothing changes, but the event may be there once more."""
        ...

    def delete(self, call: Call, tweet_id: int, now_ms: int, outbox: Sequence[OutboxRow], bucket: int) -> bool:
        """Answers whether it stood until now. Of several calls at once, at least one is told so."""
        ...

    def get_many(self, call: Call, tweet_ids: Sequence[int]) -> dict[int, TweetRecord]:
        """Of a deleted post, its marker."""
        ...

    def repost_of(self, call: Call, user_id: int, tweet_ids: Sequence[int]) -> dict[int, int]:
        """Original id to the id of the user's repost, for those that he has reposted."""
        ...

    def list_recent(self, call: Call, ranges: Sequence[ListRange], limit: int) -> list[list[Candidate]]:
        """Of each range, in their order, what stands: newest first, at most `limit`."""
        ...

    def list_pull(self, call: Call, from_id: int, before_id: int, limit: int) -> list[Candidate]:
        """Of all authors, stamped PULL, in order of id, ids in [from_id, before_id)."""
        ...

    def counts(self, call: Call, tweet_ids: Sequence[int]) -> dict[int, Counts]:
        """For each of the ids. Replies and reposts that are deleted do not count."""
        ...

    def restore(self, call: Call, candidates: Sequence[Candidate]) -> list[int]:
        """Writes missing rows of authors' lists again, where the post stands; answers the authors concerned."""
        ...

    def forget_claims(self, call: Call, claimed_before_ms: int) -> None:
        """May do nothing, where claims end by themselves some time after they expired."""
        ...
