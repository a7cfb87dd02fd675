"""Restoring an author's list while the post is being deleted."""

from __future__ import annotations

from murmuration_server.platform.call import Call
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from murmuration_server.tweets.store import ListRange
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from tests.support.contract_clock import START_MS
from tests.support.factories import outbox_row, post
from tests.support.scheduled import Scheduled


def restore_against_delete(seed: int) -> bool:
    """Answers whether the restore came first and found the row missing."""
    runtime = SimulatedRuntime(seed, START_MS)
    record, restored, stores = post(10), [], []

    def main() -> None:
        store = SqliteTweetStore(None, runtime)
        stores.append(store)
        scheduled = Scheduled(store, runtime, "tweets")
        call = Call.background(runtime, 600)
        store.create(call, record, [outbox_row(10)], 0)
        # As a writer leaves it that died between the post and its row.
        store._db.write(call, lambda connection: connection.execute("DELETE FROM user_tweets"))
        tasks = [
            runtime.spawn("restore", lambda: restored.extend(scheduled.restore(call, [record.candidate]))),
            runtime.spawn("delete", lambda: scheduled.delete(call, 10, START_MS, [outbox_row(-10)], 0)),
        ]
        for task in tasks:
            task.join()
        assert store.get_many(call, [10])[10].deleted
        assert store.list_recent(call, [ListRange(1, 0, 0)], 10) == [[]], (
            f"seed {seed}: what is deleted is in the list again"
        )

    try:
        runtime.run(main)
    finally:
        for store in stores:
            store.close()
    return bool(restored)


def test_a_restore_never_brings_back_what_is_being_deleted() -> None:
    assert {restore_against_delete(seed) for seed in range(40)} == {True, False}, "both orders were tried"
