"""The events of relations."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration.events.v1.events_pb2 import RelationChange
from murmuration_server.eventlog.envelope import RELATIONS, envelope
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.graph.store import RelationKind, RelationRow
from murmuration_server.platform.call import Call

_KINDS = {int(kind): kind for kind in RelationKind}


def relations_changed(call: Call, event_id: int, rows: Sequence[RelationRow]) -> OutboxRow:
    """One event for all of the rows, which were written together."""
    now = call.runtime.now_ms()
    event = envelope(call, event_id, now)
    changes = event.relations_changed.changes
    for row in rows:
        changes.add(
            kind=RelationChange.Kind.ValueType(row.kind),
            user_id=row.user_id,
            other_id=row.other_id,
            version=row.version,
            standing=row.standing,
            hide_reposts=row.hide_reposts,
            follower_shard=row.shard,
        )
    return OutboxRow(event_id, RELATIONS, rows[0].user_id, now, event.SerializeToString())


def row_of(change: RelationChange) -> RelationRow:
    return RelationRow(
        _KINDS[change.kind],
        change.user_id,
        change.other_id,
        change.version,
        change.standing,
        change.hide_reposts,
        change.follower_shard,
    )
