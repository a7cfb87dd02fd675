"""The events of timelines: requests to rebuild, and the jobs into which deliveries are cut."""

from __future__ import annotations

from murmuration.events.v1.events_pb2 import DeliveryJob, RebuildRequested
from murmuration_server.eventlog.envelope import LARGE_LANE, REBUILDS, SMALL_LANE, Envelope, envelope
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.port import NewRecord
from murmuration_server.platform.call import Call


def rebuild_requested(call: Call, event_id: int, user_id: int, requested_at_ms: int) -> OutboxRow:
    event = envelope(call, event_id, requested_at_ms)
    event.rebuild_requested.CopyFrom(RebuildRequested(user_id=user_id, requested_at_ms=requested_at_ms))
    return OutboxRow(event_id, REBUILDS, user_id, requested_at_ms, event.SerializeToString())


def delivery_job(cause: Envelope, author_id: int, candidate: bytes, shard: int, *, large: bool) -> NewRecord:
    """One follower shard of a post, caused by the event of its creation."""
    event = Envelope(
        schema_version=cause.schema_version,
        event_id=f"{cause.event_id}.{shard}",
        request_id=cause.request_id,
        traceparent=cause.traceparent,
        origin_ms=cause.origin_ms,
    )
    event.delivery_job.CopyFrom(DeliveryJob(author_id=author_id, candidate=candidate, follower_shard=shard))
    lane = LARGE_LANE if large else SMALL_LANE
    return NewRecord(lane, author_id + shard, cause.origin_ms, event.SerializeToString())
