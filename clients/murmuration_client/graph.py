"""GraphService: who follows, blocks and mutes whom. Doing a thing twice is the same as once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from murmuration.v1 import graph_pb2
from murmuration_client.batches import in_batches
from murmuration_client.caller import Calls
from murmuration_client.operations import graph as operations
from murmuration_client.paging import pages

MAX_IDS_IN_A_PAGE = 1_000


class GraphCalls(Calls):
    def follow(self, user_id: int, hide_reposts: bool = False) -> graph_pb2.Relationship:
        """Follows, or changes whether his reposts are shown. Raises NotFound, NotAllowed (a block), LimitReached."""
        return self._caller.run(operations.follow(user_id, hide_reposts))

    def unfollow(self, user_id: int) -> graph_pb2.Relationship:
        """Ends the actor's follow. Raises NotFound."""
        return self._caller.run(operations.unfollow(user_id))

    def block(self, user_id: int) -> graph_pb2.Relationship:
        """Blocks, and ends the follows between the two in both directions. Raises NotFound."""
        return self._caller.run(operations.block(user_id))

    def unblock(self, user_id: int) -> graph_pb2.Relationship:
        """Ends the actor's block; follows do not come back. Raises NotFound."""
        return self._caller.run(operations.unblock(user_id))

    def mute(self, user_id: int) -> graph_pb2.Relationship:
        """Keeps his posts out of the actor's home; he is not told. Raises NotFound."""
        return self._caller.run(operations.mute(user_id))

    def unmute(self, user_id: int) -> graph_pb2.Relationship:
        """Ends the actor's mute. Raises NotFound."""
        return self._caller.run(operations.unmute(user_id))

    def relationships(self, user_ids: Iterable[int]) -> list[graph_pb2.Relationship]:
        """What the actor is to each of the users and they to him, in the order asked for. One call for each 200."""
        found: list[graph_pb2.Relationship] = []
        for batch in in_batches(user_ids):
            found.extend(self._caller.run(operations.relationships(batch)))
        return found

    def iter_followers(self, user_id: int, *, page_size: int = MAX_IDS_IN_A_PAGE) -> Iterator[int]:
        """The ids of a user's followers; pages of 1 to 1,000 are fetched as they are needed. Raises NotFound."""

        def fetch(token: str) -> graph_pb2.ListFollowersResponse:
            return self._caller.run(operations.list_followers(user_id, page_size, token))

        for page in pages(fetch):
            yield from page.user_ids

    def iter_following(self, user_id: int, *, page_size: int = MAX_IDS_IN_A_PAGE) -> Iterator[int]:
        """The ids of those whom a user follows; as `iter_followers`."""

        def fetch(token: str) -> graph_pb2.ListFollowingResponse:
            return self._caller.run(operations.list_following(user_id, page_size, token))

        for page in pages(fetch):
            yield from page.user_ids

    def follow_counts(self, user_id: int) -> graph_pb2.GetFollowCountsResponse:
        """How many follow him (`.followers`) and how many he follows (`.following`). Raises NotFound."""
        return self._caller.run(operations.follow_counts(user_id))
