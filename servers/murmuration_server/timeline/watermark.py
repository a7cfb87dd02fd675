"""How far delivery has come: every post acked before the watermark is in the homes that it goes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from murmuration_server.eventlog.envelope import LARGE_LANE, SMALL_LANE, TWEETS
from murmuration_server.eventlog.outbox import OutboxSource
from murmuration_server.eventlog.port import Backlog, EventLog, RelayPosition
from murmuration_server.platform.call import Call
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Runtime

PLANNER_GROUP = "fanout-planner"
DELIVERY_GROUPS = {SMALL_LANE: "fanout-small", LARGE_LANE: "fanout-large"}


@dataclass(frozen=True, slots=True)
class Delivered:
    """`outbox_rows`: acked and not on the log. Milliseconds since 1970."""

    until_ms: int
    lag_ms: int
    outbox_rows: int
    lanes: tuple[Backlog, ...]


class Watermark:
    """`posts`: the outbox whose events are deliveries; `others` are counted only."""

    def __init__(
        self,
        posts: OutboxSource,
        others: Sequence[OutboxSource],
        log: EventLog,
        runtime: Runtime,
        metrics: Metrics,
    ) -> None:
        self._posts, self._others, self._log = posts, others, log
        self._runtime, self._metrics = runtime, metrics
        self._last = Delivered(0, 0, 0, ())

    def last(self) -> Delivered:
        """As of the last step."""
        return self._last

    def run_once(self, call: Call) -> bool:
        try:
            self._last = self.measure(call)
        finally:
            # Also where the log does not answer: all that time nothing is known to be delivered.
            if self._last.until_ms:
                behind_ms = self._runtime.now_ms() - self._last.until_ms
                self._metrics.delivery_lag_seconds.set(max(0, behind_ms) / 1000)
        now = self._runtime.now_ms()
        for lane in self._last.lanes:
            oldest = now if lane.oldest_origin_ms is None else lane.oldest_origin_ms
            self._metrics.log_backlog.labels(lane.group, lane.topic).set(lane.records)
            self._metrics.log_lag_seconds.labels(lane.group, lane.topic).set(max(0, now - oldest) / 1000)
        return False

    def measure(self, call: Call) -> Delivered:
        """The outbox before the log: what moves from one to the other in between is then seen at least once."""
        now = self._runtime.now_ms()
        position = self._position(call, self._posts)
        outbox = self._posts.outbox_backlog(call, position.done_below, position.tails)
        rows = outbox.rows + sum(self._waiting(call, source) for source in self._others)
        lanes = self._log.backlog(call)
        delivering = {(PLANNER_GROUP, TWEETS), *((group, lane) for lane, group in DELIVERY_GROUPS.items())}
        waiting = [lane.oldest_origin_ms for lane in lanes if (lane.group, lane.topic) in delivering]
        until = _oldest([outbox.oldest_origin_ms, _all_known_until(call, self._posts, position, now), *waiting], now)
        return Delivered(until, max(0, now - until), rows, tuple(lanes))

    def _waiting(self, call: Call, source: OutboxSource) -> int:
        position = self._position(call, source)
        return source.outbox_backlog(call, position.done_below, position.tails).rows

    def _position(self, call: Call, source: OutboxSource) -> RelayPosition:
        return self._log.relay_position(call, source.outbox_name) or RelayPosition(source.outbox_name, 0)


def _all_known_until(call: Call, source: OutboxSource, position: RelayPosition, now: int) -> int | None:
    """Rows that turn up below the tails are in no backlog: until the relay has looked for them once more, only what was
    acked before its last look counts. None where there can be no such rows."""
    if not position.tails or not position.looked:
        return None
    settled = max(tail for _, tail in position.tails) + source.outbox_reread
    # By its age, since the positions' clock is another.
    return None if position.looked >= settled else now - source.outbox_age_ms(call, position.looked)


def _oldest(origins: Sequence[int | None], now: int) -> int:
    return min((origin for origin in origins if origin is not None), default=now)
