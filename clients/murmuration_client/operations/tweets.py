"""TweetService."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from murmuration.v1 import tweet_pb2
from murmuration_client.operation import Operation, nothing, unary, whole


def create_tweet(
    text: str, in_reply_to: int, media: Iterable[tweet_pb2.Media], request_id: str
) -> Operation[tweet_pb2.Tweet]:
    request = tweet_pb2.CreateTweetRequest(
        text=text, media=media, in_reply_to_tweet_id=in_reply_to, request_id=request_id
    )
    return unary(lambda stubs: stubs.tweets.CreateTweet, request, lambda response: response.tweet)


def delete_tweet(tweet_id: int) -> Operation[None]:
    return unary(lambda stubs: stubs.tweets.DeleteTweet, tweet_pb2.DeleteTweetRequest(tweet_id=tweet_id), nothing)


def get_tweet(tweet_id: int) -> Operation[tweet_pb2.GetTweetResponse]:
    return unary(lambda stubs: stubs.tweets.GetTweet, tweet_pb2.GetTweetRequest(tweet_id=tweet_id), whole)


def batch_get_tweets(tweet_ids: Sequence[int]) -> Operation[dict[int, tweet_pb2.Tweet]]:
    """One batch, of at most MAX_BATCH ids."""
    request = tweet_pb2.BatchGetTweetsRequest(tweet_ids=tweet_ids)
    return unary(lambda stubs: stubs.tweets.BatchGetTweets, request, _by_id)


def list_user_tweets(user_id: int, page_size: int, page_token: str) -> Operation[tweet_pb2.ListUserTweetsResponse]:
    request = tweet_pb2.ListUserTweetsRequest(user_id=user_id, page_size=page_size, page_token=page_token)
    return unary(lambda stubs: stubs.tweets.ListUserTweets, request, whole)


def create_repost(tweet_id: int, request_id: str) -> Operation[tweet_pb2.Tweet]:
    request = tweet_pb2.CreateRepostRequest(tweet_id=tweet_id, request_id=request_id)
    return unary(lambda stubs: stubs.tweets.CreateRepost, request, lambda response: response.repost)


def delete_repost(tweet_id: int) -> Operation[None]:
    return unary(lambda stubs: stubs.tweets.DeleteRepost, tweet_pb2.DeleteRepostRequest(tweet_id=tweet_id), nothing)


def _by_id(response: tweet_pb2.BatchGetTweetsResponse) -> dict[int, tweet_pb2.Tweet]:
    return {tweet.tweet_id: tweet for tweet in response.tweets}
