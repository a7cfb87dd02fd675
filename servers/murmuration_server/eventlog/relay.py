"""The relay: from an outbox to the log, at least once."""

from __future__ import annotations

from dataclasses import replace

from murmuration_server.eventlog.outbox import BucketRule, OutboxRow, OutboxSource
from murmuration_server.eventlog.port import EventLog, NewRecord, RelayPosition
from murmuration_server.eventlog.published import Published
from murmuration_server.platform.call import Call
from murmuration_server.platform.metrics import Metrics

ROWS_A_STEP = 1000
WHOLE_LOOK_SECONDS = 0.5
"""How often the relay looks into all open buckets, and for rows below what it has read, where each look costs a request
to a database that others use. In between it looks only where nearly all rows come."""


class Relay:
    """Publishes one source. A last sweep repeats nothing of its own. Of what a process before this one has published it
    repeats little where rows may turn up late, since it asks the log (`Published`), and elsewhere all that lies in open
    buckets; consumers do not mind."""

    def __init__(self, source: OutboxSource, log: EventLog, rule: BucketRule, metrics: Metrics) -> None:
        self._source, self._log, self._rule, self._metrics = source, log, rule, metrics
        self._position: RelayPosition | None = None
        self._published = Published(log, rule)
        self._looked_at_all: float | None = None
        self._swept: dict[int, int] = {}
        """How far the last sweep of a bucket has come: steps may end in between."""

    def run_once(self, call: Call) -> bool:
        position = self._position or self._resume(call)
        looks_at_all = self._looks_at_all(call)
        looked = self._source.outbox_now(call) if looks_at_all and self._source.outbox_reread else 0
        # The clock before the buckets: what is passed over as empty was seen empty after its time had come.
        due = self._rule.last_due()
        since = position.open_from if looks_at_all else max(position.open_from, self._rule.first_in_use())
        bucket = first = self._source.next_outbox_bucket(call, since)
        busy = False
        tails = dict(position.tails)
        # Those ahead of this clock as well: the writer's may be ahead, or this one was set back.
        while bucket is not None:
            found = self._source.read_outbox(call, bucket, tails.get(bucket, 0), ROWS_A_STEP)
            if found:
                tails[bucket] = found[-1][0]
                position = self._publish(call, position, bucket, [row for _, row in found], tails)
                busy = busy or len(found) >= ROWS_A_STEP
            bucket = self._source.next_outbox_bucket(call, bucket + 1)
        if looks_at_all:
            position = self._note_look(call, self._look_back(call, position), looked)
            if not busy and (position.done_below < position.open_from or (first is not None and first <= due)):
                busy = not self._close_buckets(call, position, due)
            if busy:
                # What waits in older buckets goes on at once.
                self._looked_at_all = None
        return busy

    def _looks_at_all(self, call: Call) -> bool:
        now, last = call.runtime.monotonic(), self._looked_at_all
        if self._source.outbox_reread and last is not None and now - last < WHOLE_LOOK_SECONDS:
            return False
        self._looked_at_all = now
        return True

    def _look_back(self, call: Call, position: RelayPosition) -> RelayPosition:
        """Publishes late rows soon, and not only when their bucket is closed."""
        reread = self._source.outbox_reread
        if not reread:
            return position
        for bucket, tail in position.tails:
            after = max(0, tail - reread)
            while after < tail and (found := self._source.read_outbox(call, bucket, after, ROWS_A_STEP)):
                after = found[-1][0]
                rows = [row for place, row in found if place <= tail]
                position = self._publish(call, position, bucket, rows, dict(position.tails))
        return position

    def _note_look(self, call: Call, position: RelayPosition, looked: int) -> RelayPosition:
        """Says so on the log for as long as rows may still turn up below the tails."""
        reread = self._source.outbox_reread
        if not reread:
            return position
        may_come = bool(position.tails) and position.looked < reread + max(tail for _, tail in position.tails)
        position = replace(position, looked=max(position.looked, looked))
        if may_come:
            self._store(call, position)
        self._position = position
        return position

    def _resume(self, call: Call) -> RelayPosition:
        stored = self._log.relay_position(call, self._source.outbox_name)
        self._position = stored or RelayPosition(self._source.outbox_name, 0)
        self._published.resume(self._position)
        return self._position

    def _close_buckets(self, call: Call, position: RelayPosition, due: int) -> bool:
        """Says of each bucket whose time has come that it is closed, and sweeps it after that. `due`: the last one.
        Answers whether all is done; what is left the next step does, after it has looked for new rows."""
        # A relay that died may have said so, and not have swept.
        swept = self._sweep_closed(call, position)
        while swept is not None:
            bucket = self._source.next_outbox_bucket(call, swept.open_from)
            if bucket is None or bucket > due:
                return True
            tails = {bucket: 0, **dict(swept.tails)}
            closed = replace(swept, open_from=bucket + 1, tails=tuple(sorted(tails.items())))
            self._store(call, closed)
            swept = self._sweep_closed(call, closed)
        return False

    def _sweep_closed(self, call: Call, position: RelayPosition) -> RelayPosition | None:
        """Publishes what is not on the log of buckets that the log calls closed: a writer that wrote before it could
        read so has acked. From the beginning of each: a row may have turned up below its tail, and a file that lost its
        last rows takes others in their place. The janitor keeps a bucket that has a tail. None: more of the log has to
        be read first."""
        reread = self._source.outbox_reread
        for bucket, _ in position.tails:
            if bucket >= position.open_from:
                continue
            after, tails = self._swept.get(bucket, 0), dict(position.tails)
            while found := self._source.read_outbox(call, bucket, after, ROWS_A_STEP):
                rows, after = [row for _, row in found], found[-1][0]
                if reread and not self._published.recall(call, bucket, rows):
                    return None
                tails[bucket] = max(tails[bucket], after)
                position = self._publish(call, position, bucket, rows, tails)
                self._swept[bucket] = after
            position = replace(position, tails=tuple(other for other in position.tails if other[0] != bucket))
            self._store(call, position)
            self._swept.pop(bucket, None)
            self._published.forget(bucket)
        return position

    def _store(self, call: Call, position: RelayPosition) -> None:
        self._log.append(call, (), relayed=position)
        self._position = position

    def _publish(
        self, call: Call, position: RelayPosition, bucket: int, rows: list[OutboxRow], tails: dict[int, int]
    ) -> RelayPosition:
        fresh = self._published.without(bucket, rows)
        moved = replace(position, tails=tuple(sorted(tails.items())))
        if fresh or moved != position:
            records = [NewRecord(row.topic, row.key, row.origin_ms, row.value) for row in fresh]
            self._log.append(call, records, relayed=moved)
            self._published.note(bucket, fresh)
            self._metrics.relayed.labels(position.source).inc(len(fresh))
        self._position = moved
        return moved
