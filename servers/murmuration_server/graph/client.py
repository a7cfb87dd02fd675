"""All that other services may know of relations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import grpc

from murmuration.events.v1.events_pb2 import RelationChange
from murmuration.internal.v1 import graph_pb2, graph_pb2_grpc
from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Entry, Kind
from murmuration_server.graph import relations as codec
from murmuration_server.graph.follower_pages import FollowerPage, requests_of
from murmuration_server.graph.mode import PULL, PUSH
from murmuration_server.graph.relations import NOBODY, NOT_BACKFILLED, Relations
from murmuration_server.platform.call import Call
from murmuration_server.platform.stubs import invoke

__all__ = [
    "NOBODY",
    "NOT_BACKFILLED",
    "PULL",
    "PUSH",
    "AuthorDelivery",
    "FollowerPage",
    "GraphClient",
    "Mark",
    "Relations",
]

CACHED_SECONDS = 3600.0


class AuthorDelivery(NamedTuple):
    """`mode`: 1 push, 2 pull; `shards`: into how many his followers are divided."""

    author_id: int
    mode: int
    followers: int
    shards: int


class Mark(NamedTuple):
    """The home of `user_id` holds the followee's posts from id `since` on; counts for the follow of that version."""

    user_id: int
    followee_id: int
    version: int
    since: int


class GraphClient:
    def __init__(self, channel: grpc.Channel, cache: Cache, mode_seconds: float, writes: grpc.Channel | None = None):
        """`writes`: where the services that change relations are served, if not where the others are."""
        self._reads = graph_pb2_grpc.GraphReadServiceStub(channel)
        self._repairs = graph_pb2_grpc.GraphRepairServiceStub(writes or channel)
        self._admin = graph_pb2_grpc.GraphAdminServiceStub(writes or channel)
        self._cache = cache
        self.relations_kind = relations_kind(self._load_relations)
        self._mode_kind: Kind[int] = Kind(
            "mode", 1, mode_seconds, self._load_modes, encode=lambda mode: bytes([mode]), decode=lambda data: data[0]
        )

    def relations(self, call: Call, user_id: int) -> Relations:
        """As of now: what was acked before is in it."""
        return self._cache.get(call, self.relations_kind, user_id) or NOBODY

    def relations_are_cached(self, call: Call, user_id: int) -> bool:
        """Now; does not load them."""
        return bool(self._cache.held(call, [Entry(self.relations_kind, user_id)]))

    def mode(self, call: Call, author_id: int) -> int:
        """How the author's next post is delivered; may be late by `mode_seconds`."""
        return self._cache.get(call, self._mode_kind, author_id) or PUSH

    def blocked_by(self, call: Call, user_id: int, other_ids: Iterable[int]) -> frozenset[int]:
        """Which of the others block the user, from the store."""
        request = graph_pb2.CheckBlockedByRequest(user_id=user_id, other_ids=other_ids)
        return frozenset(invoke(call, self._reads.CheckBlockedBy, request).blocking_ids)

    def deliveries(self, call: Call, author_ids: Sequence[int]) -> dict[int, AuthorDelivery]:
        request = graph_pb2.BatchGetAuthorModesRequest(author_ids=author_ids)
        answer = invoke(call, self._reads.BatchGetAuthorModes, request)
        return {
            found.author_id: AuthorDelivery(found.author_id, found.mode, found.followers, found.follower_shards)
            for found in answer.modes
        }

    def follower_ids(self, call: Call, pages: Iterable[FollowerPage]) -> Iterator[tuple[Sequence[int], bool]]:
        """Of each page its ids in order, and whether there are no more. Asks, as far as it is read, for as many at once
        as one answer may hold."""
        for part in requests_of(pages):
            request = graph_pb2.BatchListFollowerIdsRequest(
                pages=[
                    graph_pb2.ListFollowerIdsRequest(
                        author_id=page.author_id, shard=page.shard, after_id=page.after, limit=page.limit
                    )
                    for page in part
                ]
            )
            for found in invoke(call, self._reads.BatchListFollowerIds, request).pages:
                yield found.follower_ids, found.exhausted

    def repair(self, call: Call, changes: Sequence[RelationChange]) -> list[RelationChange]:
        """Mends what a writer has left half-done; answers the follows that are still to be backfilled."""
        request = graph_pb2.RepairRelationsRequest(changes=changes)
        return [changes[place] for place in invoke(call, self._repairs.RepairRelations, request).to_backfill]

    def mark_backfilled(self, call: Call, marks: Iterable[Mark]) -> None:
        request = graph_pb2.MarkBackfilledRequest(
            marks=[
                graph_pb2.BackfillMark(
                    user_id=mark.user_id,
                    followee_id=mark.followee_id,
                    version=mark.version,
                    since_tweet_id=mark.since,
                )
                for mark in marks
            ]
        )
        invoke(call, self._repairs.MarkBackfilled, request)

    def import_follows(self, call: Call, follower_ids: Sequence[int], followee_ids: Sequence[int]) -> int:
        """follower_ids[i] follows followee_ids[i]. Answers how many are new."""
        request = graph_pb2.ImportFollowsRequest(follower_ids=follower_ids, followee_ids=followee_ids)
        return invoke(call, self._admin.ImportFollows, request).created

    def pin_mode(self, call: Call, author_id: int, mode: int) -> int:
        request = graph_pb2.PinAuthorModeRequest(author_id=author_id, mode=mode)
        chosen = invoke(call, self._admin.PinAuthorMode, request).mode
        self._cache.delete(call, self._mode_kind, author_id)
        return chosen

    def _load_relations(self, call: Call, user_ids: Sequence[int]) -> Mapping[int, Relations]:
        found = {}
        for user_id in user_ids:
            answer = invoke(call, self._reads.GetRelations, graph_pb2.GetRelationsRequest(user_id=user_id))
            found[user_id] = codec.decode(answer.relations)
        return found

    def _load_modes(self, call: Call, author_ids: Sequence[int]) -> Mapping[int, int]:
        return {found.author_id: found.mode for found in self.deliveries(call, author_ids).values()}


def relations_kind(load: Callable[[Call, Sequence[int]], Mapping[int, Relations]]) -> Kind[Relations]:
    """The entry of a user's relations, which the graph's own writers void."""
    return Kind("rel", 1, CACHED_SECONDS, load, encode=codec.encode, decode=codec.decode, keep_parsed=True)
