"""The internal services of posts: parse, call, present."""

from __future__ import annotations

from murmuration.internal.v1 import tweet_pb2 as internal
from murmuration_server.cache.cache import Cache
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import InvalidField
from murmuration_server.tweets import candidate as candidates
from murmuration_server.tweets import record as records
from murmuration_server.tweets.reading import TweetReading
from murmuration_server.tweets.store import ListRange, TweetStore

MAX_LIST = 10_000


class TweetReadService:
    def __init__(self, store: TweetStore) -> None:
        self._store = store

    def BatchListRecent(self, call: Call, request: internal.BatchListRecentRequest) -> internal.BatchListRecentResponse:
        limit = _check_limit(request.limit_per_author)
        ranges = [ListRange(query.author_id, query.before_id, query.from_id) for query in request.queries]
        lists = [
            internal.RecentList(
                author_id=wanted.author_id,
                candidates=candidates.encode_many(found),
                exhausted=len(found) < limit,
            )
            for wanted, found in zip(ranges, self._store.list_recent(call, ranges, limit), strict=True)
        ]
        return internal.BatchListRecentResponse(lists=lists)

    def ListPullCandidates(
        self, call: Call, request: internal.ListPullCandidatesRequest
    ) -> internal.ListPullCandidatesResponse:
        limit = _check_limit(request.limit)
        found = self._store.list_pull(call, request.from_id, request.before_id, limit)
        return internal.ListPullCandidatesResponse(
            candidates=candidates.encode_many(found), exhausted=len(found) < limit
        )

    def BatchGetTweetRecords(
        self, call: Call, request: internal.BatchGetTweetRecordsRequest
    ) -> internal.BatchGetTweetRecordsResponse:
        found = self._store.get_many(call, list(request.tweet_ids))
        return internal.BatchGetTweetRecordsResponse(
            records=[
                internal.TweetRecord(tweet_id=tweet_id, record=records.encode(record))
                for tweet_id, record in found.items()
            ]
        )

    def BatchGetTweetCounts(
        self, call: Call, request: internal.BatchGetTweetCountsRequest
    ) -> internal.BatchGetTweetCountsResponse:
        found = self._store.counts(call, list(request.tweet_ids))
        return internal.BatchGetTweetCountsResponse(
            counts=[
                internal.TweetCountRow(tweet_id=tweet_id, replies=counts.replies, reposts=counts.reposts)
                for tweet_id, counts in found.items()
            ]
        )

    def BatchGetReposted(
        self, call: Call, request: internal.BatchGetRepostedRequest
    ) -> internal.BatchGetRepostedResponse:
        found = self._store.repost_of(call, request.viewer_id, list(request.tweet_ids))
        return internal.BatchGetRepostedResponse(tweet_ids=found)


class TweetRepairService:
    def __init__(self, store: TweetStore, reading: TweetReading, cache: Cache) -> None:
        self._store, self._reading, self._cache = store, reading, cache

    def RestoreUserTweets(
        self, call: Call, request: internal.RestoreUserTweetsRequest
    ) -> internal.RestoreUserTweetsResponse:
        created = [candidates.decode(tweet.candidate) for tweet in request.tweets]
        self._store.restore(call, created)
        for author_id in {candidate.author_id for candidate in created}:
            self._cache.delete(call, self._reading.recent_kind, author_id)
        # Their writer may have died, or run out of time, before he did so.
        for subject_id in {candidate.subject_id for candidate in created if candidate.subject_id}:
            self._cache.delete(call, self._reading.counts_kind, subject_id)
        return internal.RestoreUserTweetsResponse()

    def FinishDeletes(self, call: Call, request: internal.FinishDeletesRequest) -> internal.FinishDeletesResponse:
        for tweet_id, record in self._store.get_many(call, list(request.tweet_ids)).items():
            if record.deleted:
                self._cache.overwrite(call, self._reading.record_kind, tweet_id, record)
                self._cache.delete(call, self._reading.recent_kind, record.candidate.author_id)
                self._cache.delete(call, self._reading.counts_kind, record.candidate.subject_id)
        return internal.FinishDeletesResponse()


def _check_limit(limit: int) -> int:
    if not 0 < limit <= MAX_LIST:
        raise InvalidField("limit", f"must be from 1 to {MAX_LIST}")
    return limit
