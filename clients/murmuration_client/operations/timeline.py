"""TimelineService."""

from __future__ import annotations

from murmuration.v1 import timeline_pb2
from murmuration_client.operation import Operation, unary, whole


def home_page(
    page_size: int, page_token: str, since_tweet_id: int, exclude_replies: bool, exclude_reposts: bool
) -> Operation[timeline_pb2.ListHomeTimelineResponse]:
    request = timeline_pb2.ListHomeTimelineRequest(
        page_size=page_size,
        page_token=page_token,
        since_tweet_id=since_tweet_id,
        exclude_replies=exclude_replies,
        exclude_reposts=exclude_reposts,
    )
    return unary(lambda stubs: stubs.timeline.ListHomeTimeline, request, whole)
