"""Answers of AdminService about placement, made of what the rules say."""

from __future__ import annotations

from collections.abc import Mapping

from murmuration.admin.v1 import admin_pb2 as api
from murmuration.v1.tweet_pb2 import DELIVERY_MODE_PULL, DELIVERY_MODE_PUSH, DeliveryMode
from murmuration_server.admin.locate import Location
from murmuration_server.admin.ring_preview import RingPreview
from murmuration_server.cache.cluster_state import Status
from murmuration_server.graph.client import PULL, PUSH
from murmuration_server.sharding.placement import CacheNode, Partition, Scheme

PUBLIC_MODES: Mapping[int, DeliveryMode.ValueType] = {PUSH: DELIVERY_MODE_PUSH, PULL: DELIVERY_MODE_PULL}
_SCHEMES = {
    Scheme.FILES: api.PLACEMENT_SCHEME_FILES,
    Scheme.TOKEN_RING: api.PLACEMENT_SCHEME_TOKEN_RING,
    Scheme.TABLETS: api.PLACEMENT_SCHEME_TABLETS,
}
_STATUSES: Mapping[str, api.UserCacheNode.Status.ValueType] = {
    Status.IN: api.UserCacheNode.STATUS_IN,
    Status.OUT: api.UserCacheNode.STATUS_OUT,
    Status.BACK: api.UserCacheNode.STATUS_BACK,
}


def user_location(found: Location) -> api.UserLocation:
    placed, home = found.placed, found.home
    return api.UserLocation(
        user_id=found.owner.user_id,
        handle=found.owner.handle,
        scheme=_SCHEMES[placed.scheme],
        files=placed.files,
        partitions=map(_partition, placed.partitions),
        partitions_left_out=placed.left_out,
        cache_node=None if placed.cache_node is None else _cache_node(placed.cache_node),
        delivery=api.UserDelivery(
            mode=PUBLIC_MODES[found.delivery.mode],
            followers=found.delivery.followers,
            follower_shards=found.delivery.shards,
        ),
        home_state=api.UserHomeState(
            active_at_ms=home.active_at_ms,
            complete_since_tweet_id=home.complete_since or 0,
            incomplete=home.complete_since is None,
            rebuild_requested_at_ms=home.requested_at_ms,
        ),
        cache_entries=api.UserCacheEntries(
            home_head=home.head_cached,
            home_state=home.state_cached,
            relations=found.relations_cached,
            recent=found.recent_cached,
        ),
    )


def ring_preview(preview: RingPreview, users: int) -> api.PreviewRingResponse:
    """`users`: how many were asked about."""
    return api.PreviewRingResponse(
        nodes_before=[api.RingNode(node=node, share=share) for node, share in preview.before.items()],
        nodes_after=[api.RingNode(node=node, share=share) for node, share in preview.after.items()],
        moved_share=preview.moved_share,
        users=users,
        moves=[
            api.UserMove(user_id=move.user_id, from_node=move.from_node, to_node=move.to_node) for move in preview.moves
        ],
        change_under_way=preview.change_under_way,
    )


def _partition(partition: Partition) -> api.TablePartition:
    return api.TablePartition(
        table=partition.table,
        key=[api.KeyColumn(name=name, value=value) for name, value in partition.key],
        token=partition.token,
        replicas=partition.replicas,
    )


def _cache_node(node: CacheNode) -> api.UserCacheNode:
    return api.UserCacheNode(
        node=node.node,
        status=_STATUSES[node.status],
        generation=node.generation,
        also_written=node.also_written,
    )
