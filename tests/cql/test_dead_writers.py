"""Writers that die between two writes, and clocks that are wrong: what others then find, on a real node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from murmuration_server.eventlog.cql_outbox import LATE_SECONDS
from murmuration_server.eventlog.envelope import USERS, open_envelope
from murmuration_server.eventlog.kafka.log import KafkaEventLog
from murmuration_server.eventlog.outbox import BucketRule
from murmuration_server.eventlog.relay import Relay
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.follower_pages import FollowerPage
from murmuration_server.graph.store import BackfillMark, RelationKind
from murmuration_server.graph.stores.cql import ROWS_TOGETHER, CqlGraphStore
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import DAY_MS, OutboxSettings
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.roles.cql import SCHEMAS
from murmuration_server.timeline.stores.cql import CqlHomeStateStore
from murmuration_server.tweets.entries import Counts
from murmuration_server.tweets.store import ListRange
from murmuration_server.tweets.stores.cql import CqlTweetStore
from murmuration_server.users.events import user_created
from murmuration_server.users.stores.cql import CqlUserStore
from tests.support.contract_adapters import Place, kafka_settings
from tests.support.contract_clock import START_MS, SetClock
from tests.support.factories import follow, outbox_row, post, repost, stored_user
from tests.support.real_cassandra import cql_settings, empty
from tests.support.scheduled import Skewed

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

BUCKET = 7
ME, YOU = 1, 2


class Dying:
    """The session of a process that dies at its next write that is not conditional."""

    def __init__(self, session: CqlSession) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def send(self, call: Call, kind: str, batches: Iterable[Any], at_once: int = 1) -> None:
        if list(batches):
            raise Unavailable("this process")


class Timed:
    """The session of a process that takes this for the database's time."""

    def __init__(self, session: CqlSession, clock: SetClock) -> None:
        self._session, self.clock = session, clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


@pytest.fixture
def session() -> CqlSession:
    return empty(SCHEMAS)


@pytest.fixture
def dying(session: CqlSession) -> Any:
    return Dying(session)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """For a log of its own on the broker."""
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def call(clock: SetClock) -> Call:
    return Call.background(clock, 10**6)


def test_an_account_whose_writer_died_is_made_whole_by_who_meets_it(
    session: CqlSession, dying: Any, call: Call
) -> None:
    alice = stored_user(1, "alice")
    with pytest.raises(Unavailable):
        CqlUserStore(dying).create(call, [alice], [outbox_row(1)], BUCKET)
    store = CqlUserStore(session)
    assert store.get_many(call, [1]) == []
    assert store.create(call, [stored_user(2, "Alice")], [outbox_row(2)], BUCKET) == [alice]
    assert store.get_many(call, [1, 2]) == [alice]


def test_a_repost_whose_writer_died_is_made_whole_by_the_next(session: CqlSession, dying: Any, call: Call) -> None:
    store = CqlTweetStore(session, DAY_MS)
    original = post(10)
    store.create(call, original, [], BUCKET)
    died, later = repost(11, original, 2), repost(12, original, 2)
    with pytest.raises(Unavailable):
        CqlTweetStore(dying, DAY_MS).create(call, died, [outbox_row(11)], BUCKET)
    assert store.repost_of(call, 2, [10]) == {}
    assert store.create(call, later, [outbox_row(12)], BUCKET) == 11
    assert store.get_many(call, [11, 12]) == {11: died}
    assert store.list_recent(call, [ListRange(2, 0, 0)], 10) == [[died.candidate]]
    assert store.counts(call, [10]) == {10: Counts(0, 1)}


def test_a_repost_whose_deleter_died_gives_way_to_the_next(session: CqlSession, call: Call) -> None:
    store = CqlTweetStore(session, DAY_MS)
    original = post(10)
    for record in (original, repost(11, original, 2)):
        store.create(call, record, [], BUCKET)
    store._free_repost = lambda *_: None  # type: ignore[method-assign]
    assert store.delete(call, 11, START_MS, [outbox_row(-11)], BUCKET)
    assert store.repost_of(call, 2, [10]) == {}
    assert store.counts(call, [10]) == {10: Counts(0, 0)}
    assert store.create(call, repost(12, original, 2), [outbox_row(12)], BUCKET) == 12
    assert store.repost_of(call, 2, [10]) == {10: 12}
    assert store.counts(call, [10]) == {10: Counts(0, 1)}


def test_a_post_that_is_written_again_long_after_its_delete_stays_deleted(session: CqlSession, call: Call) -> None:
    """A batch that the database replays, or a writer that was stopped: nobody's clock decides."""
    store = CqlTweetStore(session, DAY_MS)
    record = post(10)
    store.create(call, record, [], BUCKET)
    store.delete(call, 10, START_MS, [], BUCKET)
    session.write(call, *store._rows(call, record))
    assert store.get_many(call, [10])[10].deleted
    assert store.list_recent(call, [ListRange(1, 0, 0)], 10) == [[]]


def test_two_first_follows_at_once_leave_one_row_once_the_event_is_handled(session: CqlSession, call: Call) -> None:
    """Each took a shard of its own, as the author had more followers for the one than for the other."""
    store = CqlGraphStore(session)
    one, other = follow(ME, YOU, 10, shard=0), follow(ME, YOU, 11, shard=1)
    for row in (one, other):
        # As if neither had seen the other.
        session.write_together(call, list(store._writes(call, row)))
    assert store.counts(call, [YOU])[YOU][0] == 2
    assert store.lacking(call, [one, other]) == [one]
    store.apply(call, [one], (), 0)
    assert store.list_followers(call, [FollowerPage(YOU, shard, 0, 10) for shard in (0, 1)]) == [[], [ME]]
    assert store.counts(call, [YOU])[YOU][0] == 1
    assert store.get_rows(call, [(RelationKind.FOLLOW, ME, YOU)]) == [other]


def test_an_import_whose_writer_dies_has_its_events(session: CqlSession, dying: Any, call: Call) -> None:
    """They tell of all its rows, so whoever handles them finds what is lacking."""
    rows = [follow(100 + n, YOU, 10) for n in range(2 * ROWS_TOGETHER)]
    broken = CqlGraphStore(dying)
    dying.write_together = session.write_together
    with pytest.raises(Unavailable):
        broken.apply(call, rows, [outbox_row(1)], BUCKET)
    store = CqlGraphStore(session)
    assert [row.event_id for _, row in store.read_outbox(call, BUCKET, 0, 10)] == [1]
    assert store.lacking(call, rows) == rows
    store.apply(call, rows, (), 0)
    assert store.counts(call, [YOU]) == {YOU: (len(rows), 0)}


def test_a_removal_that_comes_late_still_ends_the_marks_before_it(session: CqlSession, call: Call) -> None:
    store = CqlGraphStore(session)
    store.apply(call, [follow(ME, YOU, 10)], (), 0)
    store.mark_backfilled(call, [BackfillMark(ME, YOU, 10, 77)])
    refollowed, removed = follow(ME, YOU, 12), follow(ME, YOU, 11, False)
    store.apply(call, [refollowed], (), 0)
    assert store.awaiting_backfill(call, [refollowed]) == []
    store.apply(call, [removed], (), 0)
    assert store.awaiting_backfill(call, [refollowed]) == [0]
    assert store.counts(call, [ME])[ME] == (0, 1)


def test_a_completion_that_comes_after_a_later_request_is_void(session: CqlSession, call: Call) -> None:
    """The worker looked, was stopped, and wrote."""
    store = CqlHomeStateStore(session)
    store.begin_rebuild(call, ME, 60, [], BUCKET)
    look = store.get

    def stopped(call: Call, user_id: int) -> Any:
        found = look(call, user_id)
        store.begin_rebuild(call, ME, 70, [], BUCKET)
        return found

    store.get = stopped  # type: ignore[method-assign]
    store.complete_rebuild(call, ME, 60, 1234)
    state = look(call, ME)
    assert state is not None
    assert state.complete_since > 1234


def test_the_relay_finds_rows_below_what_it_has_read(
    session: CqlSession, clock: SetClock, call: Call, tmp_path: Any
) -> None:
    timed: Any = Timed(session, clock)
    ahead, behind = CqlUserStore(timed), CqlUserStore(timed)
    log = SqliteEventLog(tmp_path / "log.db", clock, 1)
    settings = OutboxSettings(bucket_ms=60_000, resweep_ms=1000, margin_ms=100)
    rule = BucketRule(clock, settings)
    relay, bucket = Relay(ahead, log, rule, Metrics()), rule.present()

    def relayed() -> list[int]:
        relay.run_once(call)
        records = reader.poll(call, 100)
        reader.commit(call, records)
        return [int(record.value.split()[1]) for record in records]

    reader = log.consumer("test", ["tweets"])
    ahead.append_outbox(call, bucket, [outbox_row(1)])
    assert relayed() == [1]
    # A second behind: found by looking back a little.
    clock.ms -= 1000
    behind.append_outbox(call, bucket, [outbox_row(2)])
    clock.ms += 1000
    clock.pass_time(1)
    assert relayed() == [2]
    # Ten seconds behind: found when the bucket is closed.
    clock.ms -= 10_000
    far_behind = CqlUserStore(timed)
    far_behind.append_outbox(call, bucket, [outbox_row(3)])
    clock.ms += 10_000
    clock.pass_time(1)
    assert relayed() == []
    clock.pass_time(62)
    assert relayed() == [3]
    log.close()


def test_rows_of_a_process_whose_clock_is_ahead_hide_nobody_elses(session: CqlSession, tmp_path: Any) -> None:
    """Those of others in the same bucket are found at once, and not when it is closed."""
    right, ahead = ThreadRuntime(), Skewed(ThreadRuntime(), 600_000)  # type: ignore[arg-type]
    log, call = SqliteEventLog(tmp_path / "log.db", right, 1), Call.background(right, 60)
    wrong_session = CqlSession(cql_settings(), ahead, Metrics())  # type: ignore[arg-type]
    try:
        stores = [CqlUserStore(wrong_session), CqlUserStore(session)]
        rule = BucketRule(right, OutboxSettings())
        relay, reader = Relay(stores[1], log, rule, Metrics()), log.consumer("test", ["tweets"])
        for number, store in enumerate(stores, start=1):
            store.append_outbox(call, rule.present(), [outbox_row(number)])
            relay.run_once(call)
        assert [int(record.value.split()[1]) for record in reader.poll(call, 100)] == [1, 2]
    finally:
        wrong_session.close()
        log.close()


def test_a_relay_that_begins_anew_finds_on_the_log_what_is_published(session: CqlSession, place: Place) -> None:
    """It publishes once more only what might have turned up late when the one before looked for the last time."""
    runtime = ThreadRuntime()
    call, store = Call.background(runtime, 120), CqlUserStore(session)
    log = KafkaEventLog(kafka_settings(place), runtime)
    place.keep(log)
    settings = OutboxSettings(bucket_ms=60_000, resweep_ms=0, margin_ms=0)
    early = Skewed(runtime, -60_000)  # type: ignore[arg-type]
    late_ms = LATE_SECONDS * 1000
    bucket = BucketRule(runtime, settings).present()

    def write(*numbers: int) -> None:
        for number in numbers:
            account = stored_user(number)
            store.append_outbox(call, bucket, [user_created(call, account)])

    def relayed(relay: Relay) -> list[int]:
        """What has come to the log until now."""
        relay.run_once(call)
        found = log.read(call, USERS, {}, 100)
        return sorted(open_envelope(record.value).user_created.user_id for record in found)

    # By this relay's clock the bucket is open as long as the test needs.
    first = Relay(store, log, BucketRule(early, settings), Metrics())  # type: ignore[arg-type]
    write(1, 2)
    written_ms = runtime.now_ms()
    assert relayed(first) == [1, 2]
    while runtime.now_ms() <= written_ms + late_ms:
        runtime.sleep(0.05)
    write(3)
    assert relayed(first) == [1, 2, 3]
    begun_anew = Relay(store, log, BucketRule(early, settings), Metrics())  # type: ignore[arg-type]
    assert relayed(begun_anew) == [1, 2, 3, 3]
    # One that is closed by its clock.
    closing = Relay(store, log, BucketRule(Skewed(runtime, 120_000), settings), Metrics())  # type: ignore[arg-type]
    assert relayed(closing) == [1, 2, 3, 3, 3]
    position = log.relay_position(call, "users")
    assert position is not None
    assert (position.open_from > bucket, position.tails) == (True, ())
