"""All that other services may know of posts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import grpc

from murmuration.events.v1.events_pb2 import TweetCreated
from murmuration.internal.v1 import tweet_pb2, tweet_pb2_grpc
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Entry
from murmuration_server.platform.call import Call
from murmuration_server.platform.ids import MAX_ID, floor_id
from murmuration_server.platform.stubs import invoke
from murmuration_server.tweets import record as records
from murmuration_server.tweets.candidate import (
    SIZE,
    Candidate,
    Mode,
    TweetKind,
    decode,
    decode_many,
    encode_many,
    make_flags,
)
from murmuration_server.tweets.entries import Counts, Recent, counts_kind, recent_kind, record_kind
from murmuration_server.tweets.record import TweetRecord

__all__ = [
    "SIZE",
    "Candidate",
    "Counts",
    "Mode",
    "Recent",
    "TweetClient",
    "TweetKind",
    "TweetRecord",
    "decode",
    "decode_many",
    "encode_many",
    "make_flags",
]


class TweetClient:
    """`horizon_ms` and `recent_size`: how far back, and how many candidates, recent lists hold."""

    def __init__(
        self,
        channel: grpc.Channel,
        cache: Cache,
        recent_size: int,
        horizon_ms: int,
        writes: grpc.Channel | None = None,
    ) -> None:
        self._reads = tweet_pb2_grpc.TweetReadServiceStub(channel)
        self._repairs = tweet_pb2_grpc.TweetRepairServiceStub(writes or channel)
        self._cache, self._recent_size, self._horizon_ms = cache, recent_size, horizon_ms
        self.record_kind = record_kind(self._load_records)
        self.recent_kind = recent_kind(self._load_recent)
        self.counts_kind = counts_kind(self._load_counts)

    def records(self, call: Call, tweet_ids: Collection[int]) -> dict[int, TweetRecord]:
        """Of those that stand or stood; deleted ones are markers."""
        return self._cache.get_each(call, self.record_kind, tweet_ids)

    def records_and_counts(
        self, call: Call, tweet_ids: Collection[int], counted: Collection[int]
    ) -> tuple[dict[int, TweetRecord], dict[int, Counts]]:
        """Of `tweet_ids` the records, of `counted` the counts that are cached, in one look-up: what is kept of a post
        lies on one node."""
        records, counts = self._cache.get_each_of(
            call, [(self.record_kind, tweet_ids)], if_cached=[(self.counts_kind, counted)]
        )
        return records, counts

    def recent(self, call: Call, author_ids: Collection[int]) -> dict[int, Recent]:
        """As of now: what was acked before is in it."""
        return self._cache.get_each(call, self.recent_kind, author_ids)

    def recent_is_cached(self, call: Call, author_id: int) -> bool:
        """Now; does not load it."""
        return bool(self._cache.held(call, [Entry(self.recent_kind, author_id)]))

    def older(
        self, call: Call, authors: Sequence[tuple[int, int]], from_id: int, limit: int
    ) -> dict[int, tuple[list[Candidate], bool]]:
        """For each (author, before_id): candidates below it, newest first, at most `limit`, from the store; and
        whether there are none below those, down to `from_id`."""
        queries = [
            tweet_pb2.RecentQuery(author_id=author, before_id=before, from_id=from_id) for author, before in authors
        ]
        request = tweet_pb2.BatchListRecentRequest(queries=queries, limit_per_author=limit)
        answer = invoke(call, self._reads.BatchListRecent, request)
        return {found.author_id: (decode_many(found.candidates), found.exhausted) for found in answer.lists}

    def pull_candidates(self, call: Call, from_id: int, before_id: int, limit: int) -> tuple[list[Candidate], bool]:
        """Stamped PULL, of all authors, in order of id; and whether these are all in [from_id, before_id)."""
        request = tweet_pb2.ListPullCandidatesRequest(from_id=from_id, before_id=before_id, limit=limit)
        answer = invoke(call, self._reads.ListPullCandidates, request)
        return decode_many(answer.candidates), answer.exhausted

    def counts(self, call: Call, tweet_ids: Collection[int]) -> dict[int, Counts]:
        return self._cache.get_each(call, self.counts_kind, tweet_ids)

    def reposted(self, call: Call, viewer_id: int, own: Recent, tweet_ids: Collection[int]) -> frozenset[int]:
        """Which of the originals the viewer has reposted. `own`: his recent posts as of now.

        A repost's id is above its original's, so of originals that his recent posts reach down to, these know all.
        """
        if own.exhausted:
            known_from = floor_id(call.runtime.now_ms() - self._horizon_ms)
        else:
            known_from = own.candidates[-1].tweet_id if own.candidates else MAX_ID
        deeper = [tweet_id for tweet_id in tweet_ids if tweet_id < known_from]
        if not deeper:
            return own.reposted
        request = tweet_pb2.BatchGetRepostedRequest(viewer_id=viewer_id, tweet_ids=deeper)
        return own.reposted | frozenset(invoke(call, self._reads.BatchGetReposted, request).tweet_ids)

    def restore(self, call: Call, tweets: Sequence[TweetCreated]) -> None:
        """Writes rows of authors' lists again where they are missing, and voids the lists that are cached."""
        invoke(call, self._repairs.RestoreUserTweets, tweet_pb2.RestoreUserTweetsRequest(tweets=tweets))

    def finish_deletes(self, call: Call, tweet_ids: Sequence[int]) -> None:
        """Puts the markers of deleted posts into the cache where their writer did not get so far."""
        invoke(call, self._repairs.FinishDeletes, tweet_pb2.FinishDeletesRequest(tweet_ids=tweet_ids))

    def _load_records(self, call: Call, tweet_ids: Sequence[int]) -> Mapping[int, TweetRecord]:
        request = tweet_pb2.BatchGetTweetRecordsRequest(tweet_ids=tweet_ids)
        answer = invoke(call, self._reads.BatchGetTweetRecords, request)
        return {found.tweet_id: records.decode(found.record) for found in answer.records}

    def _load_recent(self, call: Call, author_ids: Sequence[int]) -> Mapping[int, Recent]:
        from_id = floor_id(call.runtime.now_ms() - self._horizon_ms)
        found = self.older(call, [(author_id, 0) for author_id in author_ids], from_id, self._recent_size)
        return {author_id: Recent(tuple(lists), exhausted) for author_id, (lists, exhausted) in found.items()}

    def _load_counts(self, call: Call, tweet_ids: Sequence[int]) -> Mapping[int, Counts]:
        request = tweet_pb2.BatchGetTweetCountsRequest(tweet_ids=tweet_ids)
        answer = invoke(call, self._reads.BatchGetTweetCounts, request)
        return {row.tweet_id: Counts(row.replies, row.reposts) for row in answer.counts}
