"""What is published is dropped from outboxes, also what a writer leaves in a bucket that was dropped before."""

from __future__ import annotations

from murmuration_server.eventlog.janitor import OutboxJanitor, OutboxQuota
from murmuration_server.eventlog.outbox import OutboxRow
from murmuration_server.eventlog.port import RelayPosition
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.platform.call import Call
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore

ROW = OutboxRow(1, "topic", 7, 1000, b"event")


def test_rows_of_closed_buckets_go_whenever_they_come() -> None:
    runtime = SimulatedRuntime(1)

    def main() -> None:
        call = Call.background(runtime, 1000)
        store, log = SqliteTweetStore(None, runtime), SqliteEventLog(None, runtime, 1)
        janitor = OutboxJanitor([store], log, OutboxQuota(10), Metrics())
        log.append(call, (), relayed=RelayPosition(store.outbox_name, open_from=5))
        for bucket in (3, 5):
            store.append_outbox(call, bucket, [ROW])
        janitor.run_once(call)
        assert store.next_outbox_bucket(call, 0) == 5
        # A writer whose clock is behind: he writes it again where it is open, and this row stays.
        store.append_outbox(call, 4, [ROW])
        janitor.run_once(call)
        assert store.next_outbox_bucket(call, 0) == 5
        store.close()
        log.close()

    runtime.run(main)
