"""How a post comes to be, and goes: claim, id, mode, rows and event in one write, caches, ack.

The ack costs the same for ten followers and for thirty million: delivering follows from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from murmuration_server.cache.cache import Cache
from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.graph.client import GraphClient
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TweetSettings
from murmuration_server.platform.errors import Blocked, NotAllowed, RequestIdReused, TweetNotFound
from murmuration_server.platform.ids import IdGenerator, time_ms
from murmuration_server.platform.metrics import Metrics
from murmuration_server.tweets.candidate import Candidate, Mode, TweetKind, make_flags
from murmuration_server.tweets.entries import Recent
from murmuration_server.tweets.events import tweet_created, tweet_deleted
from murmuration_server.tweets.present import conversation_of
from murmuration_server.tweets.reading import TweetReading
from murmuration_server.tweets.record import TweetRecord, marker
from murmuration_server.tweets.store import Claim, TweetStore

Compose = Callable[[Candidate, int], tuple[bytes, tuple[int, ...]]]
"""(candidate, conversation id) to the public message's bytes and the ids of the mentioned users."""


class Posting:
    def __init__(
        self,
        store: TweetStore,
        reading: TweetReading,
        graph: GraphClient,
        cache: Cache,
        ids: IdGenerator,
        buckets: BucketRule,
        quota: OutboxQuota,
        metrics: Metrics,
        settings: TweetSettings,
    ) -> None:
        self._store, self._reading, self._graph, self._cache = store, reading, graph, cache
        self._ids, self._buckets, self._quota = ids, buckets, quota
        self._metrics, self._settings = metrics, settings

    def post(
        self, call: Call, author_id: int, reply_to: int, request_id: str, digest: bytes, compose: Compose
    ) -> TweetRecord:
        """`reply_to`: 0, or what is answered. Raises `TweetNotFound`, `Blocked`, `RequestIdReused`."""
        parent = self._subject(call, author_id, reply_to) if reply_to else None
        kind = TweetKind.REPLY if parent else TweetKind.POST
        return self._create(call, "CreateTweet", author_id, kind, parent, request_id, digest, compose)

    def repost(
        self, call: Call, author_id: int, tweet_id: int, request_id: str, digest: bytes, compose: Compose
    ) -> TweetRecord:
        """Raises `TweetNotFound`, `Blocked`, `RequestIdReused`."""
        original = self._subject(call, author_id, tweet_id)
        return self._create(call, "CreateRepost", author_id, TweetKind.REPOST, original, request_id, digest, compose)

    def delete(self, call: Call, author_id: int, tweet_id: int) -> None:
        """Raises `TweetNotFound`, `NotAllowed`."""
        record = self._store.get_many(call, [tweet_id]).get(tweet_id)
        if record is None:
            raise TweetNotFound(tweet_id)
        if record.candidate.author_id != author_id:
            raise NotAllowed("Only its author can delete a post.")
        self._quota.admit()
        now = call.runtime.now_ms()
        outbox = [tweet_deleted(call, record.candidate)]
        bucket = self._buckets.present()
        if not self._store.delete(call, tweet_id, now, outbox, bucket):
            # The call that deleted it may have died before its event was safe, and before the caches knew.
            self._store.append_outbox(call, bucket, outbox)
        self._buckets.settle(call, self._store, bucket, outbox)
        self._cache.overwrite(call, self._reading.record_kind, tweet_id, marker(record))
        self._void_counts(call, record.candidate)
        # Last: pages are kept until this entry of their reader changes, and must not be made of what is void before.
        self._cache.edit(call, self._reading.recent_kind, author_id, lambda recent: _without(recent, tweet_id))

    def delete_repost(self, call: Call, author_id: int, tweet_id: int) -> None:
        repost_id = self._store.repost_of(call, author_id, [tweet_id]).get(tweet_id)
        # A call that died may have deleted it and left it in the caches.
        recent = self._cache.get(call, self._reading.recent_kind, author_id)
        listed = [
            candidate.tweet_id
            for candidate in (recent.candidates if recent else ())
            if candidate.kind is TweetKind.REPOST and candidate.subject_id == tweet_id
        ]
        for known in dict.fromkeys([repost_id, *listed] if repost_id else listed):
            self.delete(call, author_id, known)

    def _create(
        self,
        call: Call,
        method: str,
        author_id: int,
        kind: TweetKind,
        subject: TweetRecord | None,
        request_id: str,
        digest: bytes,
        compose: Compose,
    ) -> TweetRecord:
        tweet_id = self._ids.next(call, above=subject.candidate.tweet_id if subject else 0)
        mode = Mode(self._graph.mode(call, author_id))
        if request_id:
            claim = self._claim(call, Claim(author_id, method, request_id, digest, tweet_id, mode, time_ms(tweet_id)))
            if claim.tweet_id != tweet_id:
                tweet_id, mode = claim.tweet_id, self._mode_of(call, claim)
                done = self._finished(call, tweet_id)
                if done is not None:
                    return done
        candidate = _candidate(tweet_id, author_id, kind, mode, subject)
        body, mentioned = compose(candidate, conversation_of(subject.body) if subject else tweet_id)
        record = TweetRecord(False, candidate, mentioned, body)
        self._quota.admit()
        outbox = [tweet_created(call, candidate)]
        bucket = self._buckets.present()
        standing = self._store.create(call, record, outbox, bucket)
        if standing != tweet_id:
            return self._repeat(call, self._reading.require(call, standing))
        self._buckets.settle(call, self._store, bucket, outbox)
        self._void_counts(call, candidate)
        # Last, as in `delete`.
        self._cache.edit(
            call,
            self._reading.recent_kind,
            author_id,
            lambda recent: _with(recent, candidate, self._settings.recent_size),
        )
        self._metrics.posts.labels(mode.name.lower()).inc()
        return record

    def _claim(self, call: Call, claim: Claim) -> Claim:
        held = self._store.claim(call, claim, claim.claimed_ms - self._settings.request_id_ms)
        if held.digest != claim.digest:
            raise RequestIdReused
        return held

    def _mode_of(self, call: Call, claim: Claim) -> Mode:
        """Views of PULL posts read only a recent range of ids again, so a post that is finished under an id older than
        that must be pushed to be seen."""
        late = call.runtime.now_ms() - claim.claimed_ms > self._settings.late_retry_ms
        return Mode.PUSH if late else Mode(claim.mode)

    def _finished(self, call: Call, tweet_id: int) -> TweetRecord | None:
        """What an earlier call with this request_id has stored, if it got so far. Raises `TweetNotFound` where it was
        deleted since."""
        record = self._store.get_many(call, [tweet_id]).get(tweet_id)
        if record is None:
            return None
        if record.deleted:
            raise TweetNotFound(tweet_id)
        return self._repeat(call, record)

    def _repeat(self, call: Call, record: TweetRecord) -> TweetRecord:
        """Acks what an earlier call has stored. That call may have died before it looked at the clock, with its event
        in a bucket that is swept no more, or before it touched the caches."""
        event, bucket = [tweet_created(call, record.candidate)], self._buckets.present()
        self._store.append_outbox(call, bucket, event)
        self._buckets.settle(call, self._store, bucket, event)
        self._void_counts(call, record.candidate)
        self._cache.delete(call, self._reading.recent_kind, record.candidate.author_id)
        return record

    def _subject(self, call: Call, author_id: int, tweet_id: int) -> TweetRecord:
        """What is answered or reposted: a repost stands for its original."""
        record = self._reading.require(call, tweet_id)
        if record.candidate.kind is TweetKind.REPOST:
            record = self._reading.require(call, record.candidate.subject_id)
        other = record.candidate.author_id
        relations = self._graph.relations(call, author_id)
        if other in relations.barred:
            raise Blocked
        if not relations.blocked_by_complete and self._graph.blocked_by(call, author_id, [other]):
            raise Blocked
        return record

    def _void_counts(self, call: Call, candidate: Candidate) -> None:
        if candidate.subject_id:
            self._cache.delete(call, self._reading.counts_kind, candidate.subject_id)


def _candidate(tweet_id: int, author_id: int, kind: TweetKind, mode: Mode, subject: TweetRecord | None) -> Candidate:
    parent_id, parent_author = subject.candidate[:2] if subject else (0, 0)
    return Candidate(tweet_id, author_id, parent_id, parent_author, make_flags(kind, mode))


def _with(recent: Recent, candidate: Candidate, size: int) -> Recent:
    below = bool(recent.candidates) and candidate < recent.candidates[-1]
    if candidate in recent.candidates or (below and not recent.exhausted):
        return recent
    # Ids of two calls at once may be stored in the other order.
    merged: Sequence[Candidate] = sorted((candidate, *recent.candidates), reverse=True)
    return Recent(tuple(merged[:size]), recent.exhausted and len(merged) <= size)


def _without(recent: Recent, tweet_id: int) -> Recent:
    return Recent(tuple(found for found in recent.candidates if found.tweet_id != tweet_id), recent.exhausted)
