"""How ways of delivery are named for people."""

from __future__ import annotations

from murmuration.v1 import tweet_pb2


def mode_name(mode: tweet_pb2.DeliveryMode.ValueType) -> str:
    if mode == tweet_pb2.DELIVERY_MODE_UNSPECIFIED:
        return "as the follower count decides"
    if mode not in tweet_pb2.DeliveryMode.values():
        return f"{mode}, which this release does not know"
    return tweet_pb2.DeliveryMode.Name(mode).removeprefix("DELIVERY_MODE_").lower()
