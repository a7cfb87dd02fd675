"""Relations in a CQL keyspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from murmuration_server.eventlog.cql_outbox import CqlOutbox
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.graph.follower_pages import FollowerPage
from murmuration_server.graph.relations import Relations
from murmuration_server.graph.store import AuthorMode, BackfillMark, RelationKind, RelationRow
from murmuration_server.graph.stores import cql_schema as cql
from murmuration_server.graph.stores.cql_reviews import ModeReviews
from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.session import CqlSession, Row
from murmuration_server.platform.cql.statement import Request
from murmuration_server.platform.cql.sums import Sums

ROWS_TOGETHER = 25
"""Changes of relations in one logged batch; each is two or three rows."""

Key = tuple[RelationKind, int, int]


class CqlGraphStore(CqlOutbox):
    def __init__(self, session: CqlSession) -> None:
        super().__init__("graph", session)
        self._sums = Sums(session, cql.SUMS, _count_request)
        self._reviews = ModeReviews(session)

    def get_rows(self, call: Call, keys: Sequence[tuple[RelationKind, int, int]]) -> list[RelationRow | None]:
        found = self._session.rows_of_each(call, [_look(key) for key in keys])
        return [_row(key, rows[0]) if rows else None for key, rows in zip(keys, found, strict=True)]

    def apply(self, call: Call, rows: Sequence[RelationRow], outbox: Sequence[OutboxRow], bucket: int) -> None:
        began_ms = self._sums.now_ms(call)
        placed, strays = self._placed(call, rows)
        events = self._outbox_requests(call, bucket, outbox)
        chunks = [placed[start : start + ROWS_TOGETHER] for start in range(0, len(placed), ROWS_TOGETHER)]
        parts = [[request for row in chunk for request in self._writes(call, row)] for chunk in chunks]
        if len(parts) == 1:
            self._session.write_together(call, [*parts[0], *events])
        else:
            # The events first: they tell of all rows, and their consumer writes what it finds missing.
            self._session.write_together(call, events)
            self._session.send(call, "batch", (self._session.batch(part, logged=True) for part in parts))
        self._session.write(call, *strays)
        if self._sums.too_late(call, began_ms):
            self._session.write(call, *(request for row in placed for request in self._changes(call, row)))

    def lacking(self, call: Call, rows: Sequence[RelationRow]) -> list[RelationRow]:
        held = self.get_rows(call, [_key(row) for row in rows])
        backward = self._session.rows_of_each(
            call, [_look_back(row, found) for row, found in zip(rows, held, strict=True)]
        )
        return [row for row, found, other in zip(rows, held, backward, strict=True) if _lacks(row, found, other)]

    def awaiting_backfill(self, call: Call, rows: Sequence[RelationRow]) -> list[int]:
        follows = [(place, row) for place, row in enumerate(rows) if row.kind is RelationKind.FOLLOW]
        found = self._session.rows_of_each(
            call, [(cql.BACKFILL_ROW, (row.user_id, row.other_id)) for _, row in follows]
        )
        return [
            place
            for (place, row), held in zip(follows, found, strict=True)
            if held and held[0][:2] == (row.version, True) and not cql.is_marked(*held[0][2:])
        ]

    def mark_backfilled(self, call: Call, marks: Sequence[BackfillMark]) -> None:
        found = self._session.rows_of_each(
            call, [(cql.BACKFILL_ROW, (mark.user_id, mark.followee_id)) for mark in marks]
        )
        due = [mark for mark, held in zip(marks, found, strict=True) if held and held[0][:2] == (mark.version, True)]
        self._session.write(
            call,
            *(
                (
                    cql.WRITE_BACKFILLED,
                    (mark.version, mark.version, cql.depth_of(mark.since), mark.user_id, mark.followee_id),
                )
                for mark in due
            ),
        )

    def get_relations(self, call: Call, user_ids: Sequence[int], most_blocked_by: int) -> dict[int, Relations]:
        found = iter(
            self._session.rows_of_each(
                call,
                [
                    request
                    for user_id in user_ids
                    for request in (
                        (cql.ALL_FOLLOWING, (user_id,)),
                        (cql.ALL_MARKS, (user_id,)),
                        (cql.SOME_BLOCKED_BY, (user_id, most_blocked_by + 1)),
                    )
                ],
            )
        )
        return {
            user_id: _relations(following, marks, blocked_by, most_blocked_by)
            for user_id, following, marks, blocked_by in zip(user_ids, found, found, found, strict=True)
        }

    def blocking(self, call: Call, user_id: int, other_ids: Sequence[int]) -> list[int]:
        found = self._session.rows_of_each(call, [(cql.BLOCKED_BY_ROW, (user_id, other)) for other in other_ids])
        return [other for other, rows in zip(other_ids, found, strict=True) if rows and rows[0][1]]

    def list_followers(self, call: Call, pages: Sequence[FollowerPage]) -> list[list[int]]:
        found = self._session.rows_of_each(call, [(cql.PAGE_OF_FOLLOWERS, page) for page in pages])
        return [[row[0] for row in rows] for rows in found]

    def list_page(self, call: Call, user_id: int, of_followers: bool, after: int, limit: int) -> list[int]:
        if not of_followers:
            return [row[0] for row in self._session.rows(call, cql.PAGE_OF_FOLLOWING, user_id, after, limit)]
        # Each shard is in order: the page is among the first `limit` of each.
        shards = self.author_modes(call, [user_id])[0].shards
        found = self.list_followers(call, [FollowerPage(user_id, shard, after, limit) for shard in range(shards)])
        return sorted(follower for ids in found for follower in ids)[:limit]

    def counts(self, call: Call, user_ids: Sequence[int]) -> dict[int, tuple[int, int]]:
        unique = list(dict.fromkeys(user_ids))
        sums = self._sums.read(call, unique)
        return {
            user_id: (_total(sums[user_id], cql.FOLLOWERS), _total(sums[user_id], cql.FOLLOWING)) for user_id in unique
        }

    def author_modes(self, call: Call, author_ids: Sequence[int]) -> list[AuthorMode]:
        unique = list(dict.fromkeys(author_ids))
        sums = self._sums.read(call, unique)
        found = self._session.rows_of_each(call, [(cql.READ_MODE, (author_id,)) for author_id in unique])
        modes = {}
        for author_id, rows in zip(unique, found, strict=True):
            mode, pinned = rows[0] if rows else (1, False)
            shards = [shard for kind, shard in sums[author_id] if kind == cql.FOLLOWERS]
            followers = _total(sums[author_id], cql.FOLLOWERS)
            modes[author_id] = AuthorMode(author_id, mode, pinned, followers, max(shards, default=0) + 1)
        return [modes[author_id] for author_id in author_ids]

    def modes_to_review(self, call: Call, pull_above: int, push_below: int, limit: int) -> list[AuthorMode]:
        return self._reviews.find(
            call,
            lambda author_ids: self.author_modes(call, author_ids),
            lambda author: author.followers > pull_above if author.mode == 1 else author.followers < push_below,
            limit,
        )

    def set_mode(self, call: Call, author_id: int, mode: int, pinned: bool) -> None:
        self._session.write_together(
            call, [(cql.WRITE_MODE, (author_id, mode, pinned)), self._reviews.ask(call, author_id)]
        )

    def _placed(self, call: Call, rows: Sequence[RelationRow]) -> tuple[list[RelationRow], list[Request]]:
        """The rows in the shards where they lie already; and what ends rows that two first follows at once have left
        in another shard."""
        shards: dict[Key, int] = {}
        held = self.get_rows(call, [_key(row) for row in rows if row.kind is RelationKind.FOLLOW])
        for row in held:
            if row is not None:
                shards[_key(row)] = row.shard
        follows = [row for row in rows if row.kind is RelationKind.FOLLOW]
        moved = [row for row in follows if shards.setdefault(_key(row), row.shard) != row.shard]
        found = self._session.rows_of_each(
            call, [(cql.FOLLOWER_ROW, (row.other_id, row.shard, row.user_id)) for row in moved]
        )
        strays: list[Request] = []
        for row, stray in zip(moved, found, strict=True):
            if stray and stray[0][1]:
                ended = row._replace(version=max(row.version, stray[0][0]), standing=False)
                strays += [_backward(ended), *self._changes(call, ended)]
        return [row._replace(shard=shards.get(_key(row), row.shard)) for row in rows], strays

    def _writes(self, call: Call, row: RelationRow) -> Iterator[Request]:
        stamp = cql.timestamp(row)
        if row.kind is RelationKind.FOLLOW:
            values = (row.user_id, row.other_id, row.version, row.standing, row.hide_reposts, row.shard, stamp)
            yield cql.WRITE_FOLLOWING, values
            if not row.standing:
                yield cql.WRITE_ENDED, (stamp, row.version, row.user_id, row.other_id)
            yield _backward(row)
            yield from self._changes(call, row)
            return
        yield cql.WRITE_MARK, (row.user_id, int(row.kind), row.other_id, row.version, row.standing, stamp)
        if row.kind is RelationKind.BLOCK:
            yield cql.WRITE_BLOCKED_BY, (row.other_id, row.user_id, row.version, row.standing, stamp)

    def _changes(self, call: Call, row: RelationRow) -> list[Request]:
        """What makes the counts of a follow's two sides be taken anew, and the author's mode be looked at."""
        if row.kind is not RelationKind.FOLLOW:
            return []
        return [
            self._sums.changed(call, row.user_id, cql.FOLLOWING, 0),
            self._sums.changed(call, row.other_id, cql.FOLLOWERS, row.shard),
            self._reviews.ask(call, row.other_id),
        ]


def _count_request(owner: int, kind: int, shard: int) -> Request:
    return (cql.COUNT_FOLLOWERS, (owner, shard)) if kind == cql.FOLLOWERS else (cql.COUNT_FOLLOWING, (owner,))


def _total(sums: dict[tuple[int, int], int], kind: int) -> int:
    return sum(count for (of_kind, _), count in sums.items() if of_kind == kind)


def _key(row: RelationRow) -> Key:
    return row.kind, row.user_id, row.other_id


def _look(key: Key) -> Request:
    kind, user_id, other_id = key
    if kind is RelationKind.FOLLOW:
        return cql.FOLLOW_ROW, (user_id, other_id)
    return cql.MARK_ROW, (user_id, int(kind), other_id)


def _row(key: Key, found: Row) -> RelationRow:
    return RelationRow(*key, *found)


def _look_back(row: RelationRow, held: RelationRow | None) -> Request:
    """The other direction of a row; for a mute, which has none, the row itself."""
    if row.kind is RelationKind.FOLLOW:
        return cql.FOLLOWER_ROW, (row.other_id, held.shard if held else row.shard, row.user_id)
    if row.kind is RelationKind.BLOCK:
        return cql.BLOCKED_BY_ROW, (row.other_id, row.user_id)
    return _look(_key(row))


def _lacks(row: RelationRow, held: RelationRow | None, backward: Sequence[Row]) -> bool:
    if held is None or row.wins_over(held) or not backward:
        return True
    if row.kind is RelationKind.FOLLOW and held.shard != row.shard:
        # Two first follows at once: the one that lost may stand in its shard.
        return True
    version, standing = backward[0]
    return (version, not standing) < (row.version, not row.standing)


def _backward(row: RelationRow) -> Request:
    values = (row.other_id, row.shard, row.user_id, row.version, row.standing, cql.timestamp(row))
    return cql.WRITE_FOLLOWER, values


def _relations(
    following: Sequence[Row], marks: Sequence[Row], blocked_by: Sequence[Row], most_blocked_by: int
) -> Relations:
    standing = [(kind, other) for kind, other, stands in marks if stands]
    return Relations(
        {row[0]: cql.backfilled(*row[2:]) for row in following},
        frozenset(row[0] for row in following if row[1]),
        frozenset(other for kind, other in standing if kind == RelationKind.MUTE),
        frozenset(other for kind, other in standing if kind == RelationKind.BLOCK),
        frozenset(row[0] for row in blocked_by[:most_blocked_by]),
        len(blocked_by) <= most_blocked_by,
    )
