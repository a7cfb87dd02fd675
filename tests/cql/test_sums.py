"""Sums equal the rows, and shards at rest are not counted again."""

from __future__ import annotations

from typing import Any

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.cql import sums as module
from murmuration_server.platform.cql.session import CqlSession
from murmuration_server.platform.cql.statement import Request, Statement
from murmuration_server.platform.cql.sums import SETTLE_MS, Sums, table
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from tests.support.contract_clock import SetClock
from tests.support.real_cassandra import cql_session, cql_settings
from tests.support.scheduled import Skewed

pytestmark = [pytest.mark.stack, pytest.mark.timeout(400)]

OWNER, KIND = 1, 2
INSERT = Statement("INSERT INTO counted (owner, kind, shard, id) VALUES (?, ?, ?, ?)")
COUNT = Statement("SELECT count(*) FROM counted WHERE owner = ? AND kind = ? AND shard = ?")


class Bench:
    """Rows that are counted, and who counted which shard."""

    def __init__(self) -> None:
        self.session: CqlSession = cql_session()
        driver = self.session.driver
        driver.execute(
            """CREATE TABLE IF NOT EXISTS counted (owner bigint, kind tinyint, shard int, id int,
               PRIMARY KEY ((owner, kind, shard), id))"""
        )
        driver.execute(table("counted_sums"))
        for name in ("counted", "counted_sums"):
            driver.execute(f"TRUNCATE {name}")
        self.clock = SetClock()
        self.call = Call.background(self.clock, 10**6)
        self.looked: list[int] = []
        self.sums = Sums(self.session, "counted_sums", self._count, lambda call: call.runtime.now_ms())

    def _count(self, owner: int, kind: int, shard: int) -> Request:
        self.looked.append(shard)
        return COUNT, (owner, kind, shard)

    def add(self, shard: int, id_: int, *, token: bool = True) -> None:
        row: Request = (INSERT, (OWNER, KIND, shard, id_))
        changed = [self.sums.changed(self.call, OWNER, KIND, shard)] if token else []
        self.session.write_together(self.call, [row, *changed])

    def total(self) -> int:
        return sum(self.sums.read(self.call, [OWNER])[OWNER].values())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nobody_has_nothing(bench: Bench) -> None:
    assert bench.sums.read(bench.call, [OWNER, 7]) == {OWNER: {}, 7: {}}


def test_what_changed_is_counted_and_what_rests_is_remembered(bench: Bench) -> None:
    bench.add(0, 1)
    bench.add(3, 1)
    assert bench.total() == 2
    bench.clock.pass_time(SETTLE_MS / 1000 + 1)
    assert bench.total() == 2
    bench.looked.clear()
    bench.add(3, 2)
    assert bench.total() == 3
    assert bench.looked == [3]


def test_a_change_that_is_young_is_counted_at_each_look(bench: Bench) -> None:
    """Its row may not be seen yet by the first of them."""
    request = bench.sums.changed(bench.call, OWNER, KIND, 0)
    bench.session.write(bench.call, request)
    assert bench.total() == 0
    bench.add(0, 1, token=False)
    assert bench.total() == 1


def test_a_count_that_began_before_another_never_replaces_it(bench: Bench) -> None:
    """One reader is stopped between its count and storing it, until another has counted more."""
    bench.add(0, 1)
    bench.clock.pass_time(SETTLE_MS / 1000 + 1)
    count = bench._count

    def meanwhile(owner: int, kind: int, shard: int) -> Request:
        bench.sums._count = count
        stopped_at = bench.clock.ms
        bench.clock.pass_time(1)
        bench.add(0, 2)
        bench.clock.pass_time(SETTLE_MS / 1000 + 1)
        assert bench.total() == 2
        bench.clock.ms = stopped_at
        # What the stopped one had seen.
        return Statement("SELECT count(*) FROM counted WHERE owner = ? AND kind = ? AND shard = ? AND id = 1"), (
            owner,
            kind,
            shard,
        )

    bench.sums._count = meanwhile
    assert bench.total() == 1
    bench.looked.clear()
    assert bench.total() == 2
    assert bench.looked == [], "it is the later one's that is stored"


def test_of_very_many_changed_shards_some_are_counted_each_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTED_AT_ONCE", 2)
    for shard in range(5):
        bench.add(shard, 1)
        bench.clock.pass_time(1)
    bench.clock.pass_time(SETTLE_MS / 1000)
    assert [bench.total() for _ in range(3)] == [2, 4, 5]


def test_a_write_that_took_long_is_to_be_told_again(bench: Bench) -> None:
    began = bench.clock.ms
    assert not bench.sums.too_late(bench.call, began)
    bench.clock.pass_time(SETTLE_MS / 2000)
    assert bench.sums.too_late(bench.call, began)


def test_what_a_process_with_a_slow_clock_changes_is_counted(bench: Bench) -> None:
    """By its own time its changes are old when they are made, and are hidden by what was settled before."""
    runtime: Any = Skewed(ThreadRuntime(), -10 * SETTLE_MS)
    session, call = CqlSession(cql_settings(), runtime, Metrics()), Call.background(runtime)
    try:
        slow, reader = (Sums(of, "counted_sums", bench._count) for of in (session, bench.session))
        for id_ in range(1, 4):
            row: Request = (INSERT, (OWNER, KIND, 0, id_))
            session.write_together(call, [row, slow.changed(call, OWNER, KIND, 0)])
            assert reader.read(Call.background(ThreadRuntime()), [OWNER])[OWNER] == {(KIND, 0): id_}
    finally:
        session.close()
