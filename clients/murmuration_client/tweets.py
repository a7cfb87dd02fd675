"""TweetService: posts, replies and reposts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from murmuration.v1 import tweet_pb2
from murmuration_client.batches import in_batches
from murmuration_client.caller import Calls
from murmuration_client.operations import tweets as operations
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
        made = operations.create_tweet(text, in_reply_to, media, self._request_id(request_id))
        return self._caller.run(made)

    def delete_tweet(self, tweet_id: int) -> None:
        """Deletes a post or a repost of the actor's; succeeds if it is deleted already. Raises NotAllowed, NotFound."""
        self._caller.run(operations.delete_tweet(tweet_id))

    def get_tweet(self, tweet_id: int) -> tweet_pb2.GetTweetResponse:
        """A post (`.tweet`) and its counts (`.counts`). Raises NotFound."""
        return self._caller.run(operations.get_tweet(tweet_id))

    def batch_get_tweets(self, tweet_ids: Iterable[int]) -> dict[int, tweet_pb2.Tweet]:
        """Those of the posts that exist, by id. Any number of ids: one call for each 200."""
        found: dict[int, tweet_pb2.Tweet] = {}
        for batch in in_batches(tweet_ids):
            found.update(self._caller.run(operations.batch_get_tweets(batch)))
        return found

    def iter_user_tweets(self, user_id: int, *, page_size: int = 100) -> Iterator[tweet_pb2.Tweet]:
        """A user's posts, replies and reposts, newest first; pages of 1 to 100 are fetched as they are needed."""

        def fetch(token: str) -> tweet_pb2.ListUserTweetsResponse:
            return self._caller.run(operations.list_user_tweets(user_id, page_size, token))

        for page in pages(fetch):
            yield from page.tweets

    def create_repost(self, tweet_id: int, *, request_id: str | None = None) -> tweet_pb2.Tweet:
        """The actor's repost of a post: a new one, or the one that stands. Raises NotFound, NotAllowed (a block)."""
        return self._caller.run(operations.create_repost(tweet_id, self._request_id(request_id)))

    def delete_repost(self, tweet_id: int) -> None:
        """Takes the actor's repost of this post (the original's id) back; succeeds where there is none."""
        self._caller.run(operations.delete_repost(tweet_id))
