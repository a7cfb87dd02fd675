"""Reads of posts through the cache, from the store that this service owns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from murmuration_server.cache.cache import Cache
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import TweetNotFound
from murmuration_server.platform.ids import floor_id
from murmuration_server.tweets.candidate import TweetKind
from murmuration_server.tweets.entries import Counts, Recent, counts_kind, recent_kind, record_kind
from murmuration_server.tweets.record import TweetRecord
from murmuration_server.tweets.store import ListRange, TweetStore


class TweetReading:
    """`horizon_ms`: how far back recent lists reach; `recent_size`: how many candidates they hold."""

    def __init__(self, store: TweetStore, cache: Cache, recent_size: int, horizon_ms: int) -> None:
        self._store, self._cache = store, cache
        self._recent_size, self._horizon_ms = recent_size, horizon_ms
        self.record_kind = record_kind(store.get_many)
        self.counts_kind = counts_kind(store.counts)
        self.recent_kind = recent_kind(self._load_recent)

    def records(self, call: Call, tweet_ids: Sequence[int]) -> dict[int, TweetRecord]:
        """Of those that stand or stood; deleted ones are markers."""
        return self._cache.get_each(call, self.record_kind, tweet_ids)

    def require(self, call: Call, tweet_id: int) -> TweetRecord:
        """Raises `TweetNotFound`, also where it is deleted, or is a repost of what is."""
        record = self._cache.get(call, self.record_kind, tweet_id)
        if record is None or record.deleted:
            raise TweetNotFound(tweet_id)
        if record.candidate.kind is TweetKind.REPOST:
            original = self._cache.get(call, self.record_kind, record.candidate.subject_id)
            if original is None or original.deleted:
                raise TweetNotFound(tweet_id)
        return record

    def standing(self, call: Call, tweet_ids: Sequence[int]) -> list[TweetRecord]:
        """In the order asked for, without what is gone and reposts of what is gone."""
        records = self.records(call, tweet_ids)
        originals = [
            found.candidate.subject_id for found in records.values() if found.candidate.kind is TweetKind.REPOST
        ]
        alive = {id_ for id_, record in self.records(call, originals).items() if not record.deleted}
        found = [records[tweet_id] for tweet_id in tweet_ids if tweet_id in records]
        return [
            record
            for record in found
            if not record.deleted
            and (record.candidate.kind is not TweetKind.REPOST or record.candidate.subject_id in alive)
        ]

    def counts(self, call: Call, tweet_id: int) -> Counts:
        return self._cache.get(call, self.counts_kind, tweet_id) or Counts(0, 0)

    def _load_recent(self, call: Call, author_ids: Sequence[int]) -> Mapping[int, Recent]:
        from_id = floor_id(call.runtime.now_ms() - self._horizon_ms)
        ranges = [ListRange(author_id, 0, from_id) for author_id in author_ids]
        lists = self._store.list_recent(call, ranges, self._recent_size)
        return {
            author_id: Recent(tuple(candidates), len(candidates) < self._recent_size)
            for author_id, candidates in zip(author_ids, lists, strict=True)
        }
