"""GraphService: who follows, blocks and mutes whom. Doing a thing twice is the same as once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from murmuration.v1 import graph_pb2
from murmuration_client.caller import MAX_BATCH, Calls, in_batches
from murmuration_client.paging import pages

MAX_IDS_IN_A_PAGE = 1_000


class GraphCalls(Calls):
    def follow(self, user_id: int, hide_reposts: bool = False) -> graph_pb2.Relationship:
        """Follows, or changes whether his reposts are shown. Raises NotFound, NotAllowed (a block), LimitReached."""
        request = graph_pb2.FollowUserRequest(user_id=user_id, hide_reposts=hide_reposts)
        return self._caller.call(self._caller.stubs.graph.FollowUser, request).relationship

    def unfollow(self, user_id: int) -> graph_pb2.Relationship:
        """Ends the actor's follow. Raises NotFound."""
        request = graph_pb2.UnfollowUserRequest(user_id=user_id)
        return self._caller.call(self._caller.stubs.graph.UnfollowUser, request).relationship

    def block(self, user_id: int) -> graph_pb2.Relationship:
        """Blocks, and ends the follows between the two in both directions. Raises NotFound."""
        request = graph_pb2.BlockUserRequest(user_id=user_id)
        return self._caller.call(self._caller.stubs.graph.BlockUser, request).relationship

    def unblock(self, user_id: int) -> graph_pb2.Relationship:
        """Ends the actor's block; follows do not come back. Raises NotFound."""
        request = graph_pb2.UnblockUserRequest(user_id=user_id)
        return self._caller.call(self._caller.stubs.graph.UnblockUser, request).relationship

    def mute(self, user_id: int) -> graph_pb2.Relationship:
        """Keeps his posts out of the actor's home; he is not told. Raises NotFound."""
        request = graph_pb2.MuteUserRequest(user_id=user_id)
        return self._caller.call(self._caller.stubs.graph.MuteUser, request).relationship

    def unmute(self, user_id: int) -> graph_pb2.Relationship:
        """Ends the actor's mute. Raises NotFound."""
        request = graph_pb2.UnmuteUserRequest(user_id=user_id)
        return self._caller.call(self._caller.stubs.graph.UnmuteUser, request).relationship

    def relationships(self, user_ids: Iterable[int]) -> list[graph_pb2.Relationship]:
        """What the actor is to each of the users and they to him, in the order asked for. One call for each 200."""
        found: list[graph_pb2.Relationship] = []
        for batch in in_batches(user_ids, MAX_BATCH):
            request = graph_pb2.BatchGetRelationshipsRequest(user_ids=batch)
            found.extend(self._caller.call(self._caller.stubs.graph.BatchGetRelationships, request).relationships)
        return found

    def iter_followers(self, user_id: int, *, page_size: int = MAX_IDS_IN_A_PAGE) -> Iterator[int]:
        """The ids of a user's followers; pages of 1 to 1,000 are fetched as they are needed. Raises NotFound."""

        def fetch(token: str) -> graph_pb2.ListFollowersResponse:
            request = graph_pb2.ListFollowersRequest(user_id=user_id, page_size=page_size, page_token=token)
            return self._caller.call(self._caller.stubs.graph.ListFollowers, request)

        for page in pages(fetch):
            yield from page.user_ids

    def iter_following(self, user_id: int, *, page_size: int = MAX_IDS_IN_A_PAGE) -> Iterator[int]:
        """The ids of those whom a user follows; as `iter_followers`."""

        def fetch(token: str) -> graph_pb2.ListFollowingResponse:
            request = graph_pb2.ListFollowingRequest(user_id=user_id, page_size=page_size, page_token=token)
            return self._caller.call(self._caller.stubs.graph.ListFollowing, request)

        for page in pages(fetch):
            yield from page.user_ids

    def follow_counts(self, user_id: int) -> graph_pb2.GetFollowCountsResponse:
        """How many follow him (`.followers`) and how many he follows (`.following`). Raises NotFound."""
        request = graph_pb2.GetFollowCountsRequest(user_id=user_id)
        return self._caller.call(self._caller.stubs.graph.GetFollowCounts, request)
