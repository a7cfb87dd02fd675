"""Numbers of rows, by shard, that equal the rows: counted anew where rows changed, remembered where they are at rest.

A table of sums holds, for an owner's kind of rows and a shard of them, the last count (change 0) and a token for each
change since. A writer puts a token into the batch of its rows. A reader counts the shards that have tokens. Tokens that
are older than `SETTLE_MS` go, once the count is stored: by then their rows can be seen by all. So a hot shard is
counted on each look, and one at rest is not. CQL's own counters would count a repeated write twice.

Two readers at once may store different counts. Each is stored under the time at which its reader began, and takes away
only tokens that were old by then: the later one has seen all that the earlier one has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from murmuration_server.platform.call import Call
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Request, Statement

SETTLE_MS = 60_000
"""Longer than a call may last. Times are the database's, whatever the clocks of processes say."""
COUNTED_AT_ONCE = 64
"""Shards of one owner that one look counts anew; of the others it takes the stored count. The next look goes on."""
_TAG_BITS = 10
"""Beside microseconds, which take 53 bits."""

Shard = tuple[int, int]
"""(kind, shard)"""
CountRequest = Callable[[int, int, int], Request]
"""(owner, kind, shard) to a request for `count(*)` of its rows."""


def table(name: str) -> str:
    """The statement that makes a table of sums."""
    return f"""CREATE TABLE IF NOT EXISTS {name} (
        owner bigint, kind tinyint, shard int, change bigint, counted bigint,
        PRIMARY KEY (owner, kind, shard, change)
    ) WITH gc_grace_seconds = 86400"""


class Sums:
    def __init__(
        self, session: CqlSession, name: str, count: CountRequest, now_ms: Callable[[Call], int] | None = None
    ) -> None:
        """`now_ms`: the database's time, unless somebody sets another."""
        self._session, self._count = session, count
        self.now_ms = now_ms or (lambda _: session.clock.now_ms())
        self._read = Statement(f"SELECT kind, shard, change, counted FROM {name} WHERE owner = ?")
        self._insert = Statement(
            f"INSERT INTO {name} (owner, kind, shard, change) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
        )
        self._store = Statement(
            f"INSERT INTO {name} (owner, kind, shard, change, counted) VALUES (?, ?, ?, 0, ?) USING TIMESTAMP ?"
        )
        self._settle = Statement(
            f"""DELETE FROM {name} USING TIMESTAMP ?
                WHERE owner = ? AND kind = ? AND shard = ? AND change > 0 AND change <= ?"""
        )

    def changed(self, call: Call, owner: int, kind: int, shard: int) -> Request:
        """To be written in the batch of the rows that change."""
        now = self.now_ms(call) * 1000
        token = now << _TAG_BITS | self._session.runtime.random.getrandbits(_TAG_BITS)
        return self._insert, (owner, kind, shard, token, now)

    def too_late(self, call: Call, began_ms: int) -> bool:
        """Whether a write that began then, by `now_ms`, took so long that its tokens may be gone: it has to be written
        again."""
        return self.now_ms(call) - began_ms >= SETTLE_MS // 2

    def read(self, call: Call, owners: Sequence[int]) -> dict[int, dict[Shard, int]]:
        """Rows of each owner by kind and shard, for the shards that ever had any."""
        began_us = self.now_ms(call) * 1000
        found = self._session.rows_of_each(call, [(self._read, (owner,)) for owner in owners])
        sums: dict[int, dict[Shard, int]] = {}
        dirty: list[tuple[int, Shard, list[int]]] = []
        for owner, rows in zip(owners, found, strict=True):
            stored, tokens = _by_shard(rows)
            sums[owner] = {shard: stored.get(shard, 0) for shard in {*stored, *tokens}}
            # The longest waiting first, so that all get their turn.
            waiting = sorted(tokens, key=lambda shard: tokens[shard][0])
            dirty += [(owner, shard, tokens[shard]) for shard in waiting[:COUNTED_AT_ONCE]]
        counted = self._session.rows_of_each(call, [self._count(owner, *shard) for owner, shard, _ in dirty])
        for (owner, shard, tokens_of), rows in zip(dirty, counted, strict=True):
            sums[owner][shard] = rows[0][0]
            self._remember(call, owner, shard, rows[0][0], tokens_of, began_us)
        return sums

    def _remember(self, call: Call, owner: int, shard: Shard, rows: int, tokens: Sequence[int], began_us: int) -> None:
        settled_us = began_us - SETTLE_MS * 1000
        last = (settled_us << _TAG_BITS) - 1
        if tokens[0] > last:
            return
        # One partition: both are seen, or neither.
        self._session.write_together(
            call,
            [
                (self._store, (owner, *shard, rows, began_us)),
                (self._settle, (settled_us, owner, *shard, last)),
            ],
            logged=False,
        )


def _by_shard(rows: Sequence[tuple[int, int, int, int]]) -> tuple[Mapping[Shard, int], Mapping[Shard, list[int]]]:
    """Stored counts, and tokens in order, of each shard."""
    stored: dict[Shard, int] = {}
    tokens: dict[Shard, list[int]] = defaultdict(list)
    for kind, shard, token, count in rows:
        if token:
            tokens[kind, shard].append(token)
        else:
            stored[kind, shard] = count
    return stored, tokens
