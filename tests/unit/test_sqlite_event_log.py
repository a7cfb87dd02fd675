"""What the log in a SQLite file promises beyond the port."""

from __future__ import annotations

from pathlib import Path

import pytest

from murmuration_server.eventlog import sqlite as module
from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.platform.call import Call
from tests.support.contract_clock import SetClock
from tests.support.factories import new_record

KEYS = range(1, 30)


@pytest.mark.parametrize(("first", "later"), [(3, 1), (1, 3)])
def test_partitions_stay_as_they_were_when_the_setting_changes(tmp_path: Path, first: int, later: int) -> None:
    """A topic's first number counts, so keys keep their partitions and no group misses one."""
    clock = SetClock()
    call = Call.background(clock)
    log = SqliteEventLog(tmp_path / "log.db", clock, first)
    log.append(call, [new_record("topic", key, b"before") for key in KEYS])
    log.close()
    log = SqliteEventLog(tmp_path / "log.db", clock, later)
    try:
        log.append(call, [new_record("topic", key, b"after") for key in KEYS])
        records = log.consumer("group", ["topic"]).poll(call, 100)
    finally:
        log.close()
    assert len(records) == 2 * len(KEYS), "a new group reads all partitions"
    assert len({(record.key, record.partition) for record in records}) == len(KEYS), "keys stay where they were"


def test_of_what_nobody_reads_the_newest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_WITHOUT_READERS", 3)
    clock = SetClock()
    call = Call.background(clock)
    log = SqliteEventLog(tmp_path / "log.db", clock, 1)
    try:
        log.append(call, [new_record("dead-letters", 1, b"%d" % number) for number in range(10)])
        assert [log.trim(call), log.trim(call)] == [7, 0]
        records = log.consumer("group", ["dead-letters"]).poll(call, 100)
    finally:
        log.close()
    assert [record.value for record in records] == [b"7", b"8", b"9"]
