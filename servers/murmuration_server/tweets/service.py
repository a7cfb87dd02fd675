"""TweetService: parse, call, present."""

from __future__ import annotations

from murmuration.v1 import tweet_pb2 as api
from murmuration_server.platform.call import Call
from murmuration_server.platform.checks import check_id, check_ids, check_request_id, request_digest
from murmuration_server.platform.errors import InvalidField
from murmuration_server.platform.paging import PageTokens, SigningKeys, page_size
from murmuration_server.tweets.candidate import Candidate
from murmuration_server.tweets.media import MediaReference, MediaRejected, check_media
from murmuration_server.tweets.posting import Posting
from murmuration_server.tweets.present import compose_post, compose_repost
from murmuration_server.tweets.reading import TweetReading
from murmuration_server.tweets.store import ListRange, TweetStore
from murmuration_server.tweets.text import ParsedText, TextRejected, parse
from murmuration_server.users.client import UserClient

BATCH = 200
DEFAULT_PAGE, MAX_PAGE = 20, 100


class TweetService:
    def __init__(
        self, posting: Posting, reading: TweetReading, store: TweetStore, users: UserClient, keys: SigningKeys
    ) -> None:
        self._posting, self._reading, self._store, self._users = posting, reading, store, users
        self._tokens = PageTokens("ListUserTweets", keys)

    def CreateTweet(self, call: Call, request: api.CreateTweetRequest) -> api.CreateTweetResponse:
        author_id = self._author(call)
        reply_to = request.in_reply_to_tweet_id and check_id("in_reply_to_tweet_id", request.in_reply_to_tweet_id)
        text = _parse_text(request)
        media = _parse_media(request)
        request_id = check_request_id(request.request_id)

        def compose(candidate: Candidate, conversation_id: int) -> tuple[bytes, tuple[int, ...]]:
            resolved = self._users.resolve(call, [mention.handle for mention in text.mentions])
            return compose_post(candidate, conversation_id, text, media, resolved)

        record = self._posting.post(call, author_id, reply_to, request_id, request_digest(request), compose)
        return api.CreateTweetResponse(tweet=api.Tweet.FromString(record.body))

    def DeleteTweet(self, call: Call, request: api.DeleteTweetRequest) -> api.DeleteTweetResponse:
        self._posting.delete(call, self._author(call), check_id("tweet_id", request.tweet_id))
        return api.DeleteTweetResponse()

    def GetTweet(self, call: Call, request: api.GetTweetRequest) -> api.GetTweetResponse:
        record = self._reading.require(call, check_id("tweet_id", request.tweet_id))
        counts = self._reading.counts(call, request.tweet_id)
        return api.GetTweetResponse(
            tweet=api.Tweet.FromString(record.body),
            counts=api.TweetCounts(replies=counts.replies, reposts=counts.reposts),
        )

    def BatchGetTweets(self, call: Call, request: api.BatchGetTweetsRequest) -> api.BatchGetTweetsResponse:
        ids = check_ids("tweet_ids", request.tweet_ids, BATCH)
        standing = self._reading.standing(call, ids)
        return api.BatchGetTweetsResponse(tweets=[api.Tweet.FromString(record.body) for record in standing])

    def ListUserTweets(self, call: Call, request: api.ListUserTweetsRequest) -> api.ListUserTweetsResponse:
        user_id = check_id("user_id", request.user_id)
        size = page_size(request.page_size, DEFAULT_PAGE, MAX_PAGE)
        before = self._tokens.position(user_id, request.page_token) or 0
        self._users.require(call, user_id)
        [found] = self._store.list_recent(call, [ListRange(user_id, before, 0)], size + 1)
        standing = self._reading.standing(call, [candidate.tweet_id for candidate in found[:size]])
        return api.ListUserTweetsResponse(
            tweets=[api.Tweet.FromString(record.body) for record in standing],
            next_page_token=self._tokens.make(user_id, found[size - 1].tweet_id) if len(found) > size else "",
        )

    def CreateRepost(self, call: Call, request: api.CreateRepostRequest) -> api.CreateRepostResponse:
        author_id = self._author(call)
        tweet_id = check_id("tweet_id", request.tweet_id)
        request_id = check_request_id(request.request_id)
        record = self._posting.repost(call, author_id, tweet_id, request_id, request_digest(request), compose_repost)
        return api.CreateRepostResponse(repost=api.Tweet.FromString(record.body))

    def DeleteRepost(self, call: Call, request: api.DeleteRepostRequest) -> api.DeleteRepostResponse:
        self._posting.delete_repost(call, self._author(call), check_id("tweet_id", request.tweet_id))
        return api.DeleteRepostResponse()

    def _author(self, call: Call) -> int:
        author_id = call.actor()
        self._users.require(call, author_id)
        return author_id


def _parse_text(request: api.CreateTweetRequest) -> ParsedText:
    try:
        return parse(request.text)
    except TextRejected as error:
        if error.rule == "EMPTY" and request.media:
            return ParsedText("", 0, (), (), ())
        raise InvalidField("text", str(error)) from error


def _parse_media(request: api.CreateTweetRequest) -> list[MediaReference]:
    media = [MediaReference(item.url, item.content_type, item.size_bytes, item.alt_text) for item in request.media]
    try:
        check_media(media)
    except MediaRejected as error:
        raise InvalidField(error.field, str(error)) from error
    return media
