"""Rows, records and events for tests, with defaults for what a test does not care about."""

from __future__ import annotations

from murmuration.v1 import tweet_pb2 as api
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.port import NewRecord
from murmuration_server.graph.store import RelationKind, RelationRow
from murmuration_server.platform.ids import EPOCH_MS
from murmuration_server.tweets.candidate import Candidate, Mode, TweetKind, make_flags
from murmuration_server.tweets.record import TweetRecord
from murmuration_server.tweets.store import Claim
from murmuration_server.users.store import StoredUser
from tests.support.contract_clock import START_MS


def id_at(ms: int, worker: int = 0, sequence: int = 0) -> int:
    """The id that an idle generator takes in a millisecond."""
    return (ms - EPOCH_MS) << 22 | worker << 12 | sequence


def new_record(topic: str, key: int, value: bytes = b"", origin_ms: int = START_MS) -> NewRecord:
    return NewRecord(topic, key, origin_ms, value)


def outbox_row(event_id: int, origin_ms: int = START_MS, topic: str = "tweets", key: int = 1) -> OutboxRow:
    return OutboxRow(event_id, topic, key, origin_ms, b"event %d" % event_id)


def stored_user(user_id: int, handle: str | None = None) -> StoredUser:
    return StoredUser(user_id, handle or f"user{user_id}", f"User {user_id}", START_MS, "", b"")


def follow(
    user_id: int, other_id: int, version: int, standing: bool = True, *, hide_reposts: bool = False, shard: int = 0
) -> RelationRow:
    return RelationRow(RelationKind.FOLLOW, user_id, other_id, version, standing, hide_reposts, shard)


def block(user_id: int, other_id: int, version: int, standing: bool = True) -> RelationRow:
    return RelationRow(RelationKind.BLOCK, user_id, other_id, version, standing)


def mute(user_id: int, other_id: int, version: int, standing: bool = True) -> RelationRow:
    return RelationRow(RelationKind.MUTE, user_id, other_id, version, standing)


def post(tweet_id: int, author_id: int = 1, mode: Mode = Mode.PUSH, text: str = "hello") -> TweetRecord:
    candidate = Candidate(tweet_id, author_id, 0, 0, make_flags(TweetKind.POST, mode))
    return TweetRecord(False, candidate, (), _body(candidate, text))


def reply(tweet_id: int, parent: TweetRecord, author_id: int = 1) -> TweetRecord:
    return _about(tweet_id, parent, author_id, TweetKind.REPLY)


def repost(tweet_id: int, original: TweetRecord, author_id: int = 1) -> TweetRecord:
    return _about(tweet_id, original, author_id, TweetKind.REPOST)


def claim(request_id: str, tweet_id: int, claimed_ms: int = START_MS, actor_id: int = 1) -> Claim:
    return Claim(actor_id, "CreateTweet", request_id, b"digest", tweet_id, int(Mode.PUSH), claimed_ms)


def _about(tweet_id: int, subject: TweetRecord, author_id: int, kind: TweetKind) -> TweetRecord:
    about = subject.candidate
    flags = make_flags(kind, Mode.PUSH)
    candidate = Candidate(tweet_id, author_id, about.tweet_id, about.author_id, flags)
    return TweetRecord(False, candidate, (), _body(candidate, "about"))


def _body(candidate: Candidate, text: str) -> bytes:
    return api.Tweet(tweet_id=candidate.tweet_id, author_id=candidate.author_id, text=text).SerializeToString()
