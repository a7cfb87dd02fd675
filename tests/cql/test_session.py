"""The session on a real node: deadlines, bounds, batches, conditional writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cassandra import OperationTimedOut
from cassandra import Unavailable as NotEnoughReplicas

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql import session as module
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Statement
from murmuration_server.platform.errors import DeadlineExceeded, Overloaded, Unavailable
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from tests.support.contract_clock import SetClock
from tests.support.contract_threads import at_once
from tests.support.real_cassandra import cql_session, cql_settings

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

RUNTIME = ThreadRuntime()
INSERT = Statement("INSERT INTO probe (id, value) VALUES (?, ?)")
TAKE = Statement("INSERT INTO probe (id, value) VALUES (?, ?) IF NOT EXISTS", conditional=True)
HELD = Statement("SELECT value FROM probe WHERE id = ?", serial=True)
GET = Statement("SELECT value FROM probe WHERE id = ?")
WEAK = Statement("SELECT value FROM probe WHERE id = ?", falls_back=True)
ALL = Statement("SELECT id FROM probe")


@pytest.fixture(scope="module", autouse=True)
def _table() -> None:
    cql_session().driver.execute("CREATE TABLE IF NOT EXISTS probe (id int PRIMARY KEY, value text)")


@pytest.fixture
def open_session() -> Iterator[Callable[..., CqlSession]]:
    opened: list[CqlSession] = []

    def open_it(settings: CqlSettings | None = None) -> CqlSession:
        cql_session().driver.execute("TRUNCATE probe")
        opened.append(CqlSession(settings or cql_settings(), RUNTIME, Metrics()))
        return opened[-1]

    yield open_it
    for session in opened:
        session.close()


@pytest.fixture
def session(open_session: Callable[..., CqlSession]) -> CqlSession:
    return open_session()


@pytest.fixture
def call() -> Call:
    return Call.background(RUNTIME, 60)


def test_a_call_without_time_sends_nothing(session: CqlSession) -> None:
    clock = SetClock()
    late = Call.background(clock, 1)
    clock.pass_time(2)
    with pytest.raises(DeadlineExceeded):
        session.write(late, (INSERT, (1, "a")))
    assert session.row(Call.background(RUNTIME), GET, 1) is None


class Refusing:
    """A session's driver whose first so many requests fail, some of them after they were done."""

    def __init__(self, driver: Any, *errors: Exception, done: bool = False) -> None:
        self._driver, self._errors, self._done = driver, list(errors), done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def execute_async(self, query: Any, **options: Any) -> Any:
        future = self._driver.execute_async(query, **options)
        if not self._errors:
            return future
        if self._done:
            future.result()
        return Failed(self._errors.pop(0))


class Failed:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self) -> Any:
        raise self._error


def test_a_call_that_ran_out_of_time_while_waiting_says_so(session: CqlSession) -> None:
    clock = SetClock()
    call = Call.background(clock, 1)

    class Slow(Refusing):
        def execute_async(self, query: Any, **options: Any) -> Any:
            clock.pass_time(2)
            return super().execute_async(query, **options)

    session._session = Slow(session.driver, OperationTimedOut())
    with pytest.raises(DeadlineExceeded):
        session.rows(call, GET, 1)


def test_the_driver_is_given_what_the_call_has_left(session: CqlSession) -> None:
    given: list[float] = []

    class Watched(Refusing):
        def execute_async(self, query: Any, **options: Any) -> Any:
            given.append(options["timeout"])
            return super().execute_async(query, **options)

    session._session = Watched(session.driver)
    session.row(Call.background(SetClock(), 3), GET, 1)
    session.row(Call.background(SetClock(), 3000), GET, 1)
    assert 2 < given[0] <= 3
    assert given[1] == session.settings.request_timeout_ms / 1000


def test_more_requests_than_are_allowed_wait_for_one_another(
    open_session: Callable[..., CqlSession], call: Call
) -> None:
    session = open_session(cql_settings(max_in_flight=2))
    works = [lambda n=n: session.write(call, *((INSERT, (10 * n + i, "a")) for i in range(10))) for n in range(4)]
    at_once(works)
    assert len(session.rows(call, ALL)) == 40
    assert session._permits.qsize() == 2


def test_above_the_limit_a_request_is_refused(
    open_session: Callable[..., CqlSession], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(cql_settings(max_in_flight=1))
    monkeypatch.setattr(module, "PERMIT_WAIT_SECONDS", 0.05)
    assert session._permits.get(0)
    with pytest.raises(Overloaded):
        session.rows(call, GET, 1)


@pytest.mark.parametrize("error", [OperationTimedOut(), ValueError("not the database")])
def test_a_request_that_fails_gives_back_what_it_held(session: CqlSession, call: Call, error: Exception) -> None:
    before = session._permits.qsize()
    driver = session.driver
    session._session = Refusing(driver, error, error)
    with pytest.raises((Unavailable, ValueError)):
        session.write(call, *((INSERT, (n, "a")) for n in range(100)))
    assert session._permits.qsize() == before


def test_answers_come_in_the_order_of_the_requests(session: CqlSession, call: Call) -> None:
    session.write(call, *((INSERT, (n, str(n))) for n in range(100)))
    found = session.rows_of_each(call, [(GET, (n,)) for n in range(100)])
    assert found == [[(str(n),)] for n in range(100)]


def test_a_result_of_many_pages_is_read_to_its_end(session: CqlSession, call: Call) -> None:
    session.driver.default_fetch_size = 7
    session.write(call, *((INSERT, (n, "a")) for n in range(50)))
    assert len(session.rows(call, ALL)) == 50


def test_a_batch_with_a_value_that_does_not_fit_sends_nothing(session: CqlSession, call: Call) -> None:
    with pytest.raises(Exception):  # noqa: B017 - the driver's own
        session.write_together(call, [(INSERT, (1, "a")), (INSERT, (2**40, "b"))])
    assert session.rows(call, ALL) == []


def test_a_conditional_write_whose_answer_was_lost_is_found_to_be_ones_own(session: CqlSession, call: Call) -> None:
    session._session = Refusing(session.driver, OperationTimedOut(), done=True)
    assert session.claim(call, (TAKE, (1, "mine")), (HELD, (1,))) == ("mine",)


def test_a_conditional_write_that_was_lost_is_tried_again(session: CqlSession, call: Call) -> None:
    driver = session.driver

    class Dropping(Refusing):
        def execute_async(self, query: Any, **options: Any) -> Any:
            return Failed(self._errors.pop(0)) if self._errors else driver.execute_async(query, **options)

    session._session = Dropping(driver, OperationTimedOut())
    assert session.claim(call, (TAKE, (1, "mine")), (HELD, (1,))) is None
    assert session.row(call, GET, 1) == ("mine",)


def test_a_claim_that_is_taken_shows_who_has_it(session: CqlSession, call: Call) -> None:
    session.write(call, (INSERT, (1, "other")))
    assert session.claim(call, (TAKE, (1, "mine")), (HELD, (1,))) == ("other",)


def test_without_a_quorum_some_reads_ask_one_replica_and_others_fail(session: CqlSession, call: Call) -> None:
    session.write(call, (INSERT, (1, "a")))
    driver, few = session.driver, NotEnoughReplicas("", required_replicas=2, alive_replicas=1)
    session._session = Refusing(driver, few)
    assert session.row(call.falling_back(), WEAK, 1) == ("a",)
    session._session = Refusing(driver, few)
    with pytest.raises(Unavailable, match="1 replicas of 2"):
        session.row(call.falling_back(), GET, 1)


def test_workers_and_whoever_fills_a_cache_never_ask_one_replica(session: CqlSession, call: Call) -> None:
    session._session = Refusing(session.driver, NotEnoughReplicas("", required_replicas=2, alive_replicas=1))
    with pytest.raises(Unavailable, match="1 replicas of 2"):
        session.row(call, WEAK, 1)
