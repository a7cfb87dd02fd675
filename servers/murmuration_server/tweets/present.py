"""The public message of a post, from what the rules decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from murmuration.v1 import tweet_pb2 as api
from murmuration_server.platform.ids import time_ms
from murmuration_server.tweets.candidate import Candidate, Mode, TweetKind
from murmuration_server.tweets.media import MediaReference
from murmuration_server.tweets.text import ParsedText

_MODES = {Mode.PUSH: api.DELIVERY_MODE_PUSH, Mode.PULL: api.DELIVERY_MODE_PULL}


def compose_post(
    candidate: Candidate,
    conversation_id: int,
    text: ParsedText,
    media: Sequence[MediaReference],
    resolved: Mapping[str, int],
) -> tuple[bytes, tuple[int, ...]]:
    """`resolved`: handle to user id; a mention of nobody stays plain text. Answers bytes and mentioned user ids."""
    reply = candidate.kind is TweetKind.REPLY
    mentions = [
        api.Mention(start=found.start, end=found.end, user_id=resolved[found.handle], handle=found.handle)
        for found in text.mentions
        if found.handle in resolved
    ]
    tweet = api.Tweet(
        tweet_id=candidate.tweet_id,
        author_id=candidate.author_id,
        kind=api.TWEET_KIND_REPLY if reply else api.TWEET_KIND_POST,
        text=text.text,
        create_time_ms=time_ms(candidate.tweet_id),
        mentions=mentions,
        hashtags=[api.Hashtag(start=found.start, end=found.end, tag=found.tag) for found in text.hashtags],
        links=[api.Link(start=found.start, end=found.end, url=found.url) for found in text.links],
        media=[
            api.Media(url=item.url, content_type=item.content_type, size_bytes=item.size_bytes, alt_text=item.alt_text)
            for item in media
        ],
        in_reply_to_tweet_id=candidate.subject_id,
        in_reply_to_user_id=candidate.subject_author_id,
        conversation_id=conversation_id,
        delivery_mode=_MODES[candidate.mode],
    )
    return tweet.SerializeToString(), tuple(dict.fromkeys(mention.user_id for mention in mentions))


def compose_repost(candidate: Candidate, conversation_id: int) -> tuple[bytes, tuple[int, ...]]:  # noqa: ARG001
    tweet = api.Tweet(
        tweet_id=candidate.tweet_id,
        author_id=candidate.author_id,
        kind=api.TWEET_KIND_REPOST,
        create_time_ms=time_ms(candidate.tweet_id),
        reposted_tweet_id=candidate.subject_id,
        reposted_user_id=candidate.subject_author_id,
        delivery_mode=_MODES[candidate.mode],
    )
    return tweet.SerializeToString(), ()


def conversation_of(body: bytes) -> int:
    """The conversation that a post, given as its public message's bytes, belongs to."""
    return api.Tweet.FromString(body).conversation_id
