"""An outbox whose rows may turn up below what was read already, as in a database of several nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from murmuration_server.eventlog.outbox import OutboxBacklog, OutboxRow
from murmuration_server.platform.call import Call
from tests.support.contract_clock import SetClock

POSITIONS_A_MS = 1000
REREAD_MS = 2000


class LateOutbox:
    """`OutboxSource`. A row turns up when the test puts it there, at the position that it was given before."""

    outbox_name = "late"
    outbox_reread = REREAD_MS * POSITIONS_A_MS

    def __init__(self, clock: SetClock, after_read: Callable[[], None] = lambda: None) -> None:
        self._clock, self.after_read = clock, after_read
        self.rows: dict[tuple[int, int], OutboxRow] = {}

    def outbox_now(self, call: Call) -> int:
        return self._clock.ms * POSITIONS_A_MS

    def outbox_age_ms(self, call: Call, position: int) -> int:
        return self._clock.ms - position // POSITIONS_A_MS

    def append_outbox(self, call: Call, bucket: int, rows: Sequence[OutboxRow]) -> None:
        for row in rows:
            self.rows[bucket, self.outbox_now(call) + len(self.rows)] = row

    def read_outbox(self, call: Call, bucket: int, after: int, limit: int) -> list[tuple[int, OutboxRow]]:
        call.remaining()
        found = sorted((at, row) for (of, at), row in self.rows.items() if of == bucket and at > after)
        self.after_read()
        return found[:limit]

    def next_outbox_bucket(self, call: Call, from_bucket: int) -> int | None:
        return min((bucket for bucket, _ in self.rows if bucket >= from_bucket), default=None)

    def outbox_backlog(self, call: Call, open_from: int, tails: Sequence[tuple[int, int]]) -> OutboxBacklog:
        after = dict(tails)
        found = [row for (bucket, at), row in self.rows.items() if bucket >= open_from and at > after.get(bucket, 0)]
        return OutboxBacklog(len(found), min((row.origin_ms for row in found), default=None))

    def drop_outbox(self, call: Call, below_bucket: int) -> None:
        self.rows = {key: row for key, row in self.rows.items() if key[0] >= below_bucket}
