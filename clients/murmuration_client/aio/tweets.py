"""TweetService: posts, replies and reposts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from murmuration.v1 import tweet_pb2
from murmuration_client.aio.caller import AsyncCalls
from murmuration_client.aio.docs import documented_as
from murmuration_client.aio.paging import pages
from murmuration_client.batches import in_batches
from murmuration_client.operations import tweets as operations
from murmuration_client.tweets import TweetCalls


@documented_as(TweetCalls)
class AsyncTweetCalls(AsyncCalls):
    async def create_tweet(
        self,
        text: str,
        *,
        in_reply_to: int = 0,
        media: Iterable[tweet_pb2.Media] = (),
        request_id: str | None = None,
    ) -> tweet_pb2.Tweet:
        made = operations.create_tweet(text, in_reply_to, media, self._request_id(request_id))
        return await self._caller.run(made)

    async def delete_tweet(self, tweet_id: int) -> None:
        await self._caller.run(operations.delete_tweet(tweet_id))

    async def get_tweet(self, tweet_id: int) -> tweet_pb2.GetTweetResponse:
        return await self._caller.run(operations.get_tweet(tweet_id))

    async def batch_get_tweets(self, tweet_ids: Iterable[int]) -> dict[int, tweet_pb2.Tweet]:
        found: dict[int, tweet_pb2.Tweet] = {}
        for batch in in_batches(tweet_ids):
            found.update(await self._caller.run(operations.batch_get_tweets(batch)))
        return found

    async def iter_user_tweets(self, user_id: int, *, page_size: int = 100) -> AsyncIterator[tweet_pb2.Tweet]:
        async for page in pages(lambda token: self._caller.run(operations.list_user_tweets(user_id, page_size, token))):
            for tweet in page.tweets:
                yield tweet

    async def create_repost(self, tweet_id: int, *, request_id: str | None = None) -> tweet_pb2.Tweet:
        return await self._caller.run(operations.create_repost(tweet_id, self._request_id(request_id)))

    async def delete_repost(self, tweet_id: int) -> None:
        await self._caller.run(operations.delete_repost(tweet_id))
