"""TweetService: posts, replies and reposts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from murmuration.v1 import tweet_pb2
from murmuration_client.caller import MAX_BATCH, Calls, in_batches
from murmuration_client.paging import pages


class TweetCalls(Calls):
    def create_tweet(
        self,
        text: str,
        *,
        in_reply_to: int = 0,
        media: Iterable[tweet_pb2.Media] = (),
        request_id: str | None = None,
    ) -> tweet_pb2.Tweet:
        """Posts as the actor. text: at most 280 weighted characters. in_reply_to: a post's id, or 0. media: up to four.

        request_id: a UUID, made here if None; a second call of the actor's with the same one answers the first's post.
        Raises InvalidArgument, NotFound (what is answered), NotAllowed (a block), Overloaded.
        """
        request = tweet_pb2.CreateTweetRequest(
            text=text,
            media=media,
            in_reply_to_tweet_id=in_reply_to,
            request_id=request_id or self._caller.new_request_id(),
        )
        return self._caller.call(self._caller.stubs.tweets.CreateTweet, request).tweet

    def delete_tweet(self, tweet_id: int) -> None:
        """Deletes a post or a repost of the actor's; succeeds if it is deleted already. Raises NotAllowed, NotFound."""
        request = tweet_pb2.DeleteTweetRequest(tweet_id=tweet_id)
        self._caller.call(self._caller.stubs.tweets.DeleteTweet, request)

    def get_tweet(self, tweet_id: int) -> tweet_pb2.GetTweetResponse:
        """A post (`.tweet`) and its counts (`.counts`). Raises NotFound."""
        request = tweet_pb2.GetTweetRequest(tweet_id=tweet_id)
        return self._caller.call(self._caller.stubs.tweets.GetTweet, request)

    def batch_get_tweets(self, tweet_ids: Iterable[int]) -> dict[int, tweet_pb2.Tweet]:
        """Those of the posts that exist, by id. Any number of ids: one call for each 200."""
        found: dict[int, tweet_pb2.Tweet] = {}
        for batch in in_batches(tweet_ids, MAX_BATCH):
            request = tweet_pb2.BatchGetTweetsRequest(tweet_ids=batch)
            response = self._caller.call(self._caller.stubs.tweets.BatchGetTweets, request)
            found.update((tweet.tweet_id, tweet) for tweet in response.tweets)
        return found

    def iter_user_tweets(self, user_id: int, *, page_size: int = 100) -> Iterator[tweet_pb2.Tweet]:
        """A user's posts, replies and reposts, newest first; pages of 1 to 100 are fetched as they are needed."""

        def fetch(token: str) -> tweet_pb2.ListUserTweetsResponse:
            request = tweet_pb2.ListUserTweetsRequest(user_id=user_id, page_size=page_size, page_token=token)
            return self._caller.call(self._caller.stubs.tweets.ListUserTweets, request)

        for page in pages(fetch):
            yield from page.tweets

    def create_repost(self, tweet_id: int, *, request_id: str | None = None) -> tweet_pb2.Tweet:
        """The actor's repost of a post: a new one, or the one that stands. Raises NotFound, NotAllowed (a block)."""
        request = tweet_pb2.CreateRepostRequest(
            tweet_id=tweet_id, request_id=request_id or self._caller.new_request_id()
        )
        return self._caller.call(self._caller.stubs.tweets.CreateRepost, request).repost

    def delete_repost(self, tweet_id: int) -> None:
        """Takes the actor's repost of this post (the original's id) back; succeeds where there is none."""
        request = tweet_pb2.DeleteRepostRequest(tweet_id=tweet_id)
        self._caller.call(self._caller.stubs.tweets.DeleteRepost, request)
