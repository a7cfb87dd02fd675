"""GraphService and the internal services of relations: parse, call, present."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration.internal.v1 import graph_pb2 as internal
from murmuration.v1 import graph_pb2 as api
from murmuration_server.graph import relations as codec
from murmuration_server.graph.changes import RelationChanges
from murmuration_server.graph.events import row_of
from murmuration_server.graph.follower_pages import MAX_IDS, MAX_LIMIT, MAX_PAGES, FollowerPage
from murmuration_server.graph.mode import ModeKeeper, in_force
from murmuration_server.graph.store import BackfillMark, GraphStore, RelationKind
from murmuration_server.platform.call import Call
from murmuration_server.platform.checks import check_id, check_ids
from murmuration_server.platform.config import GraphSettings
from murmuration_server.platform.errors import InvalidField
from murmuration_server.platform.paging import PageTokens, SigningKeys, page_size
from murmuration_server.users.client import UserClient

BATCH = 200
DEFAULT_PAGE, MAX_PAGE = 100, 1000


class GraphService:
    def __init__(self, changes: RelationChanges, store: GraphStore, users: UserClient, keys: SigningKeys) -> None:
        self._changes, self._store, self._users = changes, store, users
        self._follower_tokens = PageTokens("ListFollowers", keys)
        self._following_tokens = PageTokens("ListFollowing", keys)

    def FollowUser(self, call: Call, request: api.FollowUserRequest) -> api.FollowUserResponse:
        actor, other = self._pair(call, request.user_id)
        self._changes.follow(call, actor, other, request.hide_reposts)
        return api.FollowUserResponse(relationship=self._relationship(call, actor, other))

    def UnfollowUser(self, call: Call, request: api.UnfollowUserRequest) -> api.UnfollowUserResponse:
        actor, other = self._pair(call, request.user_id)
        self._changes.unfollow(call, actor, other)
        return api.UnfollowUserResponse(relationship=self._relationship(call, actor, other))

    def BlockUser(self, call: Call, request: api.BlockUserRequest) -> api.BlockUserResponse:
        actor, other = self._pair(call, request.user_id)
        self._changes.block(call, actor, other)
        return api.BlockUserResponse(relationship=self._relationship(call, actor, other))

    def UnblockUser(self, call: Call, request: api.UnblockUserRequest) -> api.UnblockUserResponse:
        actor, other = self._pair(call, request.user_id)
        self._changes.unblock(call, actor, other)
        return api.UnblockUserResponse(relationship=self._relationship(call, actor, other))

    def MuteUser(self, call: Call, request: api.MuteUserRequest) -> api.MuteUserResponse:
        actor, other = self._pair(call, request.user_id)
        self._changes.mute(call, actor, other)
        return api.MuteUserResponse(relationship=self._relationship(call, actor, other))

    def UnmuteUser(self, call: Call, request: api.UnmuteUserRequest) -> api.UnmuteUserResponse:
        actor, other = self._pair(call, request.user_id)
        self._changes.unmute(call, actor, other)
        return api.UnmuteUserResponse(relationship=self._relationship(call, actor, other))

    def BatchGetRelationships(
        self, call: Call, request: api.BatchGetRelationshipsRequest
    ) -> api.BatchGetRelationshipsResponse:
        actor = call.actor()
        others = check_ids("user_ids", request.user_ids, BATCH)
        self._users.require(call, actor)
        return api.BatchGetRelationshipsResponse(
            relationships=[self._relationship(call, actor, other) for other in others]
        )

    def ListFollowers(self, call: Call, request: api.ListFollowersRequest) -> api.ListFollowersResponse:
        user_id = check_id("user_id", request.user_id)
        size = page_size(request.page_size, DEFAULT_PAGE, MAX_PAGE)
        after = self._follower_tokens.position(user_id, request.page_token) or 0
        self._users.require(call, user_id)
        ids = self._store.list_page(call, user_id, of_followers=True, after=after, limit=size + 1)
        token = self._follower_tokens.make(user_id, ids[size - 1]) if len(ids) > size else ""
        return api.ListFollowersResponse(user_ids=ids[:size], next_page_token=token)

    def ListFollowing(self, call: Call, request: api.ListFollowingRequest) -> api.ListFollowingResponse:
        user_id = check_id("user_id", request.user_id)
        size = page_size(request.page_size, DEFAULT_PAGE, MAX_PAGE)
        after = self._following_tokens.position(user_id, request.page_token) or 0
        self._users.require(call, user_id)
        ids = self._store.list_page(call, user_id, of_followers=False, after=after, limit=size + 1)
        token = self._following_tokens.make(user_id, ids[size - 1]) if len(ids) > size else ""
        return api.ListFollowingResponse(user_ids=ids[:size], next_page_token=token)

    def GetFollowCounts(self, call: Call, request: api.GetFollowCountsRequest) -> api.GetFollowCountsResponse:
        user_id = check_id("user_id", request.user_id)
        self._users.require(call, user_id)
        followers, following = self._store.counts(call, [user_id])[user_id]
        return api.GetFollowCountsResponse(followers=followers, following=following)

    def _pair(self, call: Call, user_id: int) -> tuple[int, int]:
        actor, other = call.actor(), check_id("user_id", user_id)
        self._users.require(call, actor)
        self._users.require(call, other)
        return actor, other

    def _relationship(self, call: Call, actor: int, other: int) -> api.Relationship:
        follow, followed, block, blocked, mute = self._store.get_rows(
            call,
            [
                (RelationKind.FOLLOW, actor, other),
                (RelationKind.FOLLOW, other, actor),
                (RelationKind.BLOCK, actor, other),
                (RelationKind.BLOCK, other, actor),
                (RelationKind.MUTE, actor, other),
            ],
        )
        following = follow is not None and follow.standing
        return api.Relationship(
            user_id=other,
            following=following,
            shows_reposts=following and follow is not None and not follow.hide_reposts,
            followed_by=followed is not None and followed.standing,
            blocking=block is not None and block.standing,
            blocked_by=blocked is not None and blocked.standing,
            muting=mute is not None and mute.standing,
        )


class GraphReadService:
    def __init__(self, store: GraphStore, settings: GraphSettings) -> None:
        self._store, self._settings = store, settings

    def GetRelations(self, call: Call, request: internal.GetRelationsRequest) -> internal.GetRelationsResponse:
        user_id = check_id("user_id", request.user_id)
        found = self._store.get_relations(call, [user_id], self._settings.max_blocks_cached)[user_id]
        return internal.GetRelationsResponse(relations=codec.encode(found))

    def ListFollowerIds(self, call: Call, request: internal.ListFollowerIdsRequest) -> internal.ListFollowerIdsResponse:
        return self._follower_pages(call, [request])[0]

    def BatchListFollowerIds(
        self, call: Call, request: internal.BatchListFollowerIdsRequest
    ) -> internal.BatchListFollowerIdsResponse:
        if len(request.pages) > MAX_PAGES:
            raise InvalidField("pages", f"must be {MAX_PAGES} at most")
        if sum(page.limit for page in request.pages) > MAX_IDS:
            raise InvalidField("pages", f"must have limits of {MAX_IDS} together at most")
        return internal.BatchListFollowerIdsResponse(pages=self._follower_pages(call, request.pages))

    def BatchGetAuthorModes(
        self, call: Call, request: internal.BatchGetAuthorModesRequest
    ) -> internal.BatchGetAuthorModesResponse:
        return internal.BatchGetAuthorModesResponse(
            modes=[
                internal.AuthorMode(
                    author_id=found.author_id,
                    mode=in_force(found, self._settings),
                    followers=found.followers,
                    follower_shards=found.shards,
                )
                for found in self._store.author_modes(call, list(request.author_ids))
            ]
        )

    def CheckBlockedBy(self, call: Call, request: internal.CheckBlockedByRequest) -> internal.CheckBlockedByResponse:
        ids = self._store.blocking(call, request.user_id, list(request.other_ids))
        return internal.CheckBlockedByResponse(blocking_ids=ids)

    def _follower_pages(
        self, call: Call, requests: Sequence[internal.ListFollowerIdsRequest]
    ) -> list[internal.ListFollowerIdsResponse]:
        if not all(0 < request.limit <= MAX_LIMIT for request in requests):
            raise InvalidField("limit", f"must be from 1 to {MAX_LIMIT}")
        pages = [FollowerPage(page.author_id, page.shard, page.after_id, page.limit) for page in requests]
        return [
            internal.ListFollowerIdsResponse(follower_ids=ids, exhausted=len(ids) < page.limit)
            for page, ids in zip(pages, self._store.list_followers(call, pages), strict=True)
        ]


class GraphRepairService:
    def __init__(self, changes: RelationChanges, store: GraphStore) -> None:
        self._changes, self._store = changes, store

    def RepairRelations(self, call: Call, request: internal.RepairRelationsRequest) -> internal.RepairRelationsResponse:
        rows = [row_of(change) for change in request.changes]
        self._changes.repair(call, rows)
        return internal.RepairRelationsResponse(to_backfill=self._store.awaiting_backfill(call, rows))

    def MarkBackfilled(self, call: Call, request: internal.MarkBackfilledRequest) -> internal.MarkBackfilledResponse:
        marks = [
            BackfillMark(mark.user_id, mark.followee_id, mark.version, mark.since_tweet_id) for mark in request.marks
        ]
        self._store.mark_backfilled(call, marks)
        self._changes.void(call, {mark.user_id for mark in marks})
        return internal.MarkBackfilledResponse()


class GraphAdminService:
    def __init__(self, changes: RelationChanges, modes: ModeKeeper) -> None:
        self._changes, self._modes = changes, modes

    def ImportFollows(self, call: Call, request: internal.ImportFollowsRequest) -> internal.ImportFollowsResponse:
        pairs = list(zip(request.follower_ids, request.followee_ids, strict=True))
        return internal.ImportFollowsResponse(created=self._changes.import_follows(call, pairs))

    def PinAuthorMode(self, call: Call, request: internal.PinAuthorModeRequest) -> internal.PinAuthorModeResponse:
        return internal.PinAuthorModeResponse(mode=self._modes.pin(call, request.author_id, request.mode))
