"""The events of posts."""

from __future__ import annotations

from murmuration.events.v1.events_pb2 import TweetCreated, TweetDeleted
from murmuration_server.eventlog.envelope import TWEETS, envelope
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.platform.call import Call
from murmuration_server.tweets.candidate import Candidate


def tweet_created(call: Call, candidate: Candidate) -> OutboxRow:
    now = call.runtime.now_ms()
    event = envelope(call, candidate.tweet_id, now)
    event.tweet_created.CopyFrom(
        TweetCreated(
            tweet_id=candidate.tweet_id,
            author_id=candidate.author_id,
            candidate=candidate.encode(),
            mode=candidate.mode,
        )
    )
    return OutboxRow(candidate.tweet_id, TWEETS, candidate.author_id, now, event.SerializeToString())


def tweet_deleted(call: Call, candidate: Candidate) -> OutboxRow:
    now = call.runtime.now_ms()
    # Not the id of the creation's event, which may lie in the same bucket.
    event_id = -candidate.tweet_id
    event = envelope(call, event_id, now)
    event.tweet_deleted.CopyFrom(TweetDeleted(tweet_id=candidate.tweet_id, author_id=candidate.author_id))
    return OutboxRow(event_id, TWEETS, candidate.author_id, now, event.SerializeToString())
