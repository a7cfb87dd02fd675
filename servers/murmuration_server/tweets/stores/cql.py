"""Posts in a CQL keyspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from murmuration_server.eventlog.cql_outbox import CqlOutbox
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.failures import DATABASE, OutcomeUnknown
from murmuration_server.platform.cql.session import CONDITIONAL_TRIES, CqlSession
from murmuration_server.platform.cql.statement import Request
from murmuration_server.platform.cql.sums import Sums
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.ids import MAX_ID
from murmuration_server.tweets import record as codec
from murmuration_server.tweets.candidate import Candidate, Mode, TweetKind
from murmuration_server.tweets.entries import Counts
from murmuration_server.tweets.record import TweetRecord
from murmuration_server.tweets.store import Claim, ListRange
from murmuration_server.tweets.stores import cql_schema as cql
from murmuration_server.tweets.stores.cql_claims import CqlClaims


class CqlTweetStore(CqlOutbox):
    """`request_id_ms`: how long a request_id is remembered."""

    def __init__(self, session: CqlSession, request_id_ms: int) -> None:
        super().__init__("tweets", session)
        self._claims = CqlClaims(session, request_id_ms)
        self._sums = Sums(session, cql.SUMS, _count_request)
        self._pull_buckets: set[int] = set()

    def claim(self, call: Call, claim: Claim, expired_before_ms: int) -> Claim:
        return self._claims.take(call, claim, expired_before_ms)

    def forget_claims(self, call: Call, claimed_before_ms: int) -> None:
        """Nothing to do: each claim was written with its end."""

    def create(self, call: Call, record: TweetRecord, outbox: Sequence[OutboxRow], bucket: int) -> int:
        began_ms, candidate = self._sums.now_ms(call), record.candidate
        self._announce(call, [candidate])
        batch = self._session.batch(
            [*self._rows(call, record), *self._outbox_requests(call, bucket, outbox)], logged=True
        )
        if candidate.kind is TweetKind.REPOST:
            standing = self._take_repost(call, record)
            if standing != candidate.tweet_id:
                return standing
        self._session.send(call, "batch", [batch])
        self._count_again(call, candidate, began_ms)
        return candidate.tweet_id

    def delete(self, call: Call, tweet_id: int, now_ms: int, outbox: Sequence[OutboxRow], bucket: int) -> bool:
        began_ms, found = self._sums.now_ms(call), self._session.row(call, cql.GET_SURELY, tweet_id)
        record = codec.decode(found[0]) if found else None
        if record is None:
            return False
        candidate = record.candidate
        if not record.deleted:
            batch = [
                *_removals(candidate),
                (
                    cql.MARK_DELETED,
                    (tweet_id, now_ms, codec.encode(codec.marker(record)), cql.deleted_us(tweet_id)),
                ),
                *self._changes(call, candidate),
                *self._outbox_requests(call, bucket, outbox),
            ]
            self._session.write_together(call, batch)
            self._count_again(call, candidate, began_ms)
        if candidate.kind is TweetKind.REPOST:
            # Also where it was deleted before: that call may have died in between.
            self._free_repost(call, candidate)
        return not record.deleted

    def get_many(self, call: Call, tweet_ids: Sequence[int]) -> dict[int, TweetRecord]:
        found = self._session.rows_of_each(call, [(cql.GET, (tweet_id,)) for tweet_id in tweet_ids])
        return {row[0]: codec.decode(row[1]) for rows in found for row in rows}

    def repost_of(self, call: Call, user_id: int, tweet_ids: Sequence[int]) -> dict[int, int]:
        found = self._session.rows_of_each(call, [(cql.REPOST_OF, (tweet_id, user_id)) for tweet_id in tweet_ids])
        pairs = {row[0]: row[1] for rows in found for row in rows}
        # A row may stay behind where a call died: the repost itself tells whether it stands.
        standing = self._standing(call, list(pairs.values()))
        return {tweet_id: repost_id for tweet_id, repost_id in pairs.items() if repost_id in standing}

    def list_recent(self, call: Call, ranges: Sequence[ListRange], limit: int) -> list[list[Candidate]]:
        """All lists beside one another, each from its newest bucket down."""
        newest = cql.newest_list_bucket(call.runtime.now_ms())
        found: list[list[Candidate]] = [[] for _ in ranges]
        buckets = {
            n: min(cql.list_bucket(wanted.before_id or MAX_ID), newest)
            for n, wanted in enumerate(ranges)
            if wanted.from_id < (wanted.before_id or MAX_ID)
        }
        while buckets:
            pages = [
                _list_page(ranges[number], bucket, limit - len(found[number])) for number, bucket in buckets.items()
            ]
            for number, rows in zip(buckets, self._session.rows_of_each(call, pages), strict=True):
                found[number] += map(Candidate._make, rows)
            buckets = {
                number: bucket - 1
                for number, bucket in buckets.items()
                if len(found[number]) < limit and bucket > cql.list_bucket(ranges[number].from_id)
            }
        return found

    def list_pull(self, call: Call, from_id: int, before_id: int, limit: int) -> list[Candidate]:
        before = before_id or MAX_ID
        buckets = self._session.rows(call, cql.PULL_BUCKETS, cql.pull_bucket(from_id), cql.pull_bucket(before))
        found: list[Candidate] = []
        for (bucket,) in buckets:
            rows = self._session.rows(call, cql.PULL_PAGE, bucket, from_id, before, limit - len(found))
            found += map(Candidate._make, rows)
            if len(found) >= limit:
                break
        return found

    def counts(self, call: Call, tweet_ids: Sequence[int]) -> dict[int, Counts]:
        unique = list(dict.fromkeys(tweet_ids))
        sums = self._sums.read(call, unique)

        def total(tweet_id: int, kind: TweetKind) -> int:
            return sum(count for (of_kind, _), count in sums[tweet_id].items() if of_kind == kind)

        return {
            tweet_id: Counts(total(tweet_id, TweetKind.REPLY), total(tweet_id, TweetKind.REPOST)) for tweet_id in unique
        }

    def restore(self, call: Call, candidates: Sequence[Candidate]) -> list[int]:
        standing = self._standing(call, [candidate.tweet_id for candidate in candidates])
        looked = [candidate for candidate in candidates if candidate.tweet_id in standing]
        listed = self._session.rows_of_each(
            call,
            [(cql.LIST_HAS, (found.author_id, cql.list_bucket(found.tweet_id), found.tweet_id)) for found in looked],
        )
        lost = [candidate for candidate, rows in zip(looked, listed, strict=True) if not rows]
        self._announce(call, lost)
        # At the post's own time: one that is deleted meanwhile stays so.
        self._session.write(call, *(request for candidate in lost for request in _list_rows(candidate)))
        return list({candidate.author_id for candidate in lost})

    def _rows(self, call: Call, record: TweetRecord) -> Iterator[Request]:
        """All that is written of a post, but its event."""
        candidate = record.candidate
        yield cql.INSERT, (candidate.tweet_id, codec.encode(record), cql.created_us(candidate.tweet_id))
        yield from _list_rows(candidate)
        if candidate.kind is not TweetKind.POST:
            yield cql.RESPONSE_INSERT, (*_response(candidate), cql.created_us(candidate.tweet_id))
        yield from self._changes(call, candidate)

    def _changes(self, call: Call, candidate: Candidate) -> list[Request]:
        """What makes the counts of what is answered or reposted be taken anew."""
        if candidate.kind is TweetKind.POST:
            return []
        shard = cql.response_shard(candidate.tweet_id)
        return [self._sums.changed(call, candidate.subject_id, int(candidate.kind), shard)]

    def _count_again(self, call: Call, candidate: Candidate, began_ms: int) -> None:
        if self._sums.too_late(call, began_ms):
            self._session.write(call, *self._changes(call, candidate))

    def _announce(self, call: Call, candidates: Sequence[Candidate]) -> None:
        """Makes the buckets of PULL posts known before there is anything in them."""
        buckets = {cql.pull_bucket(found.tweet_id) for found in candidates if found.mode is Mode.PULL}
        fresh = buckets - self._pull_buckets
        self._session.write(call, *((cql.PULL_ANNOUNCE, (bucket,)) for bucket in fresh))
        self._pull_buckets |= fresh

    def _standing(self, call: Call, tweet_ids: Sequence[int]) -> set[int]:
        found = self._session.rows_of_each(call, [(cql.STANDS, (tweet_id,)) for tweet_id in tweet_ids])
        return {tweet_id for tweet_id, rows in zip(tweet_ids, found, strict=True) if rows and rows[0][0] is None}

    def _take_repost(self, call: Call, record: TweetRecord) -> int:
        """Makes this the author's one repost of its original, or answers the id of the one there is; that one is
        finished first, where its writer has not come so far."""
        tweet_id, author_id, subject_id = record.candidate[:3]
        encoded = codec.encode(record)
        for _ in range(CONDITIONAL_TRIES):
            held = self._session.claim(
                call,
                (cql.REPOST_TAKE, (subject_id, author_id, tweet_id, encoded)),
                (cql.REPOST_HELD, (subject_id, author_id)),
            )
            if held is None or held[0] == tweet_id:
                return tweet_id
            stored = self._session.row(call, cql.STANDS, held[0])
            if stored is None:
                self._session.write_together(call, list(self._rows(call, codec.decode(held[1]))))
            if stored is None or stored[0] is None:
                return int(held[0])
            self._take_over(call, record.candidate, encoded, held[0])
        raise Unavailable(f"{DATABASE} (others change the same repost)")

    def _take_over(self, call: Call, candidate: Candidate, encoded: bytes, held_id: int) -> None:
        """From a repost that is deleted. Whether that was done, the next look at the row tells."""
        try:
            self._session.apply_if(
                call,
                cql.REPOST_TAKE_OVER,
                candidate.tweet_id,
                encoded,
                candidate.subject_id,
                candidate.author_id,
                held_id,
            )
        except OutcomeUnknown:
            pass

    def _free_repost(self, call: Call, candidate: Candidate) -> None:
        try:
            self._session.apply_if(call, cql.REPOST_FREE, candidate.subject_id, candidate.author_id, candidate.tweet_id)
        except OutcomeUnknown:
            # The next repost takes the row over from one that is deleted.
            pass


def _list_page(wanted: ListRange, bucket: int, limit: int) -> Request:
    return cql.LIST_PAGE, (wanted.author_id, bucket, wanted.from_id, wanted.before_id or MAX_ID, limit)


def _list_rows(candidate: Candidate) -> Iterator[Request]:
    stamp = cql.created_us(candidate.tweet_id)
    yield cql.LIST_INSERT, (*candidate, cql.list_bucket(candidate.tweet_id), stamp)
    if candidate.mode is Mode.PULL:
        yield cql.PULL_INSERT, (*candidate, cql.pull_bucket(candidate.tweet_id), stamp)


def _removals(candidate: Candidate) -> Iterator[Request]:
    tweet_id, author_id = candidate[:2]
    stamp = cql.deleted_us(tweet_id)
    yield cql.LIST_DELETE, (stamp, author_id, cql.list_bucket(tweet_id), tweet_id)
    if candidate.mode is Mode.PULL:
        yield cql.PULL_DELETE, (stamp, cql.pull_bucket(tweet_id), tweet_id)
    if candidate.kind is not TweetKind.POST:
        yield cql.RESPONSE_DELETE, (stamp, *_response(candidate))


def _response(candidate: Candidate) -> tuple[int, int, int, int]:
    """The key of its row among the responses to its subject."""
    return candidate.subject_id, int(candidate.kind), cql.response_shard(candidate.tweet_id), candidate.tweet_id


def _count_request(owner: int, kind: int, shard: int) -> Request:
    return cql.RESPONSE_COUNT, (owner, kind, shard)
