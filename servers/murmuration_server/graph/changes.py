"""How relations change: version above what is held, both directions and the event in one write, caches voided, ack."""

from __future__ import annotations

from collections.abc import Sequence

from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Kind
from murmuration_server.eventlog.janitor import OutboxQuota
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.graph.events import relations_changed
from murmuration_server.graph.relations import Relations
from murmuration_server.graph.sharding import follower_shard
from murmuration_server.graph.store import GraphStore, RelationKind, RelationRow
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import GraphSettings
from murmuration_server.platform.errors import Blocked, FollowingLimit, InvalidField
from murmuration_server.platform.ids import IdGenerator

IMPORT_EVENT_ROWS = 1000


class RelationChanges:
    def __init__(
        self,
        store: GraphStore,
        cache: Cache,
        kind: Kind[Relations],
        ids: IdGenerator,
        buckets: BucketRule,
        quota: OutboxQuota,
        settings: GraphSettings,
    ) -> None:
        self._store, self._cache, self._kind = store, cache, kind
        self._ids, self._buckets, self._quota, self._settings = ids, buckets, quota, settings

    def follow(self, call: Call, user_id: int, other_id: int, hide_reposts: bool) -> None:
        """Raises `Blocked`, `FollowingLimit`, `InvalidField` (oneself)."""
        _not_oneself(user_id, other_id)
        held, blocking, blocked = self._store.get_rows(
            call,
            [
                (RelationKind.FOLLOW, user_id, other_id),
                (RelationKind.BLOCK, user_id, other_id),
                (RelationKind.BLOCK, other_id, user_id),
            ],
        )
        if _stands(blocking) or _stands(blocked):
            raise Blocked
        if not _stands(held):
            following = self._store.counts(call, [user_id])[user_id][1]
            if following >= self._settings.max_following:
                raise FollowingLimit(self._settings.max_following)
        elif held is not None and held.hide_reposts == hide_reposts:
            self._write(call, [held])
            return
        shard = held.shard if held else self._shard(call, user_id, other_id)
        row = RelationRow(RelationKind.FOLLOW, user_id, other_id, _version(call, held), True, hide_reposts, shard)
        self._write(call, [row])

    def unfollow(self, call: Call, user_id: int, other_id: int) -> None:
        self._end(call, RelationKind.FOLLOW, user_id, other_id)

    def block(self, call: Call, user_id: int, other_id: int) -> None:
        """Ends the follows between the two as well."""
        _not_oneself(user_id, other_id)
        held, follow, followed = self._store.get_rows(
            call,
            [
                (RelationKind.BLOCK, user_id, other_id),
                (RelationKind.FOLLOW, user_id, other_id),
                (RelationKind.FOLLOW, other_id, user_id),
            ],
        )
        rows = [_begun(call, held, RelationKind.BLOCK, user_id, other_id)]
        rows += [_ended(call, row) for row in (follow, followed) if row is not None and row.standing]
        self._write(call, rows)

    def unblock(self, call: Call, user_id: int, other_id: int) -> None:
        self._end(call, RelationKind.BLOCK, user_id, other_id)

    def mute(self, call: Call, user_id: int, other_id: int) -> None:
        _not_oneself(user_id, other_id)
        held = self._store.get_rows(call, [(RelationKind.MUTE, user_id, other_id)])[0]
        self._write(call, [_begun(call, held, RelationKind.MUTE, user_id, other_id)])

    def unmute(self, call: Call, user_id: int, other_id: int) -> None:
        self._end(call, RelationKind.MUTE, user_id, other_id)

    def import_follows(self, call: Call, pairs: Sequence[tuple[int, int]]) -> int:
        """(follower, followee) pairs, all in one write; those that stand already, and repetitions, change nothing.
        Answers how many are new. Blocks and the following limit are not looked at: operators know what they load."""
        unique = [pair for pair in dict.fromkeys(pairs) if pair[0] != pair[1]]
        held = self._store.get_rows(call, [(RelationKind.FOLLOW, user_id, other_id) for user_id, other_id in unique])
        fresh = [(pair, row) for pair, row in zip(unique, held, strict=True) if not _stands(row)]
        modes = self._store.author_modes(call, list({pair[1] for pair, _ in fresh}))
        followers = {mode.author_id: mode.followers for mode in modes}
        now = _version(call, None)
        rows = []
        for (user_id, other_id), row in fresh:
            shard = row.shard if row else self._shard_of(user_id, followers[other_id])
            followers[other_id] += 1
            # One version for all that are new: rows that are alike are written together.
            version = _version(call, row) if row else now
            rows.append(RelationRow(RelationKind.FOLLOW, user_id, other_id, version, True, False, shard))
        self._write(call, rows)
        return len(rows)

    def repair(self, call: Call, rows: Sequence[RelationRow]) -> None:
        """Writes rows of the log again and voids the entries again: mends a writer that died in between."""
        lacking = self._store.lacking(call, rows)
        if lacking:
            self._store.apply(call, lacking, (), 0)
        self.void(call, {user for row in rows for user in _whose(row)})

    def _end(self, call: Call, kind: RelationKind, user_id: int, other_id: int) -> None:
        _not_oneself(user_id, other_id)
        held = self._store.get_rows(call, [(kind, user_id, other_id)])[0]
        if held is not None:
            self._write(call, [_ended(call, held) if held.standing else held])

    def _write(self, call: Call, rows: Sequence[RelationRow]) -> None:
        """A row that stands already is written again with its event: an earlier call may have died before it looked at
        the clock, with its event in a bucket that is swept no more, or before it voided the entries."""
        if rows:
            outbox = [
                relations_changed(call, self._ids.next(call), rows[start : start + IMPORT_EVENT_ROWS])
                for start in range(0, len(rows), IMPORT_EVENT_ROWS)
            ]
            self._quota.admit(len(outbox))
            bucket = self._buckets.present()
            self._store.apply(call, rows, outbox, bucket)
            self._buckets.settle(call, self._store, bucket, outbox)
            self.void(call, {user for row in rows for user in _whose(row)})

    def void(self, call: Call, user_ids: set[int]) -> None:
        for user_id in sorted(user_ids):
            self._cache.delete(call, self._kind, user_id)

    def _shard(self, call: Call, user_id: int, other_id: int) -> int:
        return self._shard_of(user_id, self._store.counts(call, [other_id])[other_id][0])

    def _shard_of(self, user_id: int, followers: int) -> int:
        return follower_shard(user_id, followers, self._settings.followers_per_shard)


def _stands(row: RelationRow | None) -> bool:
    return row is not None and row.standing


def _version(call: Call, held: RelationRow | None) -> int:
    """A hybrid logical clock: now, but above what is held, so that a slow clock cannot undo a later change."""
    return max(call.runtime.now_ms() * 1000, held.version + 1 if held else 0)


def _begun(call: Call, held: RelationRow | None, kind: RelationKind, user_id: int, other_id: int) -> RelationRow:
    if held is not None and held.standing:
        return held
    return RelationRow(kind, user_id, other_id, _version(call, held), True)


def _ended(call: Call, held: RelationRow) -> RelationRow:
    return RelationRow(held.kind, held.user_id, held.other_id, _version(call, held), False, False, held.shard)


def _whose(row: RelationRow) -> tuple[int, ...]:
    return (row.user_id,) if row.kind is RelationKind.MUTE else (row.user_id, row.other_id)


def _not_oneself(user_id: int, other_id: int) -> None:
    if user_id == other_id:
        raise InvalidField("user_id", "must be somebody else")
