"""The SQLite file with one writer: groups of writes, refusals, schemas."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from murmuration_server.platform import sqlite as module
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import DeadlineExceeded, MurmurationError, Overloaded, Unavailable
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.sqlite import Database, StoreNotReady, StoreUnusable, placeholders
from tests.support.contract_threads import PATIENCE_SECONDS

MIGRATIONS = ["CREATE TABLE things (name TEXT PRIMARY KEY)"]
RUNTIME = ThreadRuntime()

Work = Callable[[sqlite3.Connection], Any]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "things.db"


@pytest.fixture
def call() -> Call:
    return Call.background(RUNTIME, 60)


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    opened = Database(path, RUNTIME, MIGRATIONS)
    yield opened
    opened.close()


def add(*names: str) -> Work:
    return lambda connection: connection.executemany("INSERT INTO things VALUES (?)", [(name,) for name in names])


def names(db: Database) -> set[str]:
    return db.read(lambda connection: {row[0] for row in connection.execute("SELECT name FROM things")})


class Held:
    """A write that holds the writer up until it is released, so that others gather behind it."""

    def __init__(self, db: Database, call: Call) -> None:
        self._begun, self._go_on = threading.Event(), threading.Event()
        self.statements: list[str] = []
        self._pool = ThreadPoolExecutor(300)
        self._db, self._call = db, call
        self._written = self._pool.submit(db.write, call, self._work)
        assert self._begun.wait(PATIENCE_SECONDS)

    def _work(self, connection: sqlite3.Connection) -> None:
        self._begun.set()
        assert self._go_on.wait(PATIENCE_SECONDS)
        connection.set_trace_callback(self.statements.append)

    def gather(self, works: list[Work]) -> list[Future[Any]]:
        """Starts the writes; returns when all wait."""
        waiting = self._db._queue.qsize
        before, futures = waiting(), [self._pool.submit(self._db.write, self._call, work) for work in works]
        tries = threading.Event()
        while waiting() < before + len(works):
            tries.wait(0.0005)
        return futures

    def release(self) -> None:
        self._go_on.set()
        self._written.result(PATIENCE_SECONDS)
        self._pool.shutdown()


@pytest.fixture
def held(db: Database, call: Call) -> Iterator[Held]:
    made = Held(db, call)
    yield made
    made.release()


# Writing


def test_a_write_answers_what_its_work_answers_and_is_read(db: Database, call: Call) -> None:
    assert db.write(call, lambda connection: add("a")(connection).rowcount) == 1
    assert names(db) == {"a"}


def test_a_write_that_fails_is_undone_and_raises_what_its_work_raised(db: Database, call: Call) -> None:
    def work(connection: sqlite3.Connection) -> None:
        add("a")(connection)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        db.write(call, work)
    with pytest.raises(sqlite3.IntegrityError):
        db.write(call, add("b", "b"))
    assert names(db) == set()


def test_writes_that_wait_share_a_commit_and_fail_each_for_itself(db: Database, held: Held) -> None:
    works = [add(f"n{number}") for number in range(20)]
    works[7] = add("half", "n3")
    futures = held.gather(works)
    held.release()
    failed = [number for number, future in enumerate(futures) if future.exception(PATIENCE_SECONDS)]
    assert failed == [7]
    assert isinstance(futures[7].exception(), sqlite3.IntegrityError)
    assert names(db) == {f"n{number}" for number in range(20) if number != 7}
    assert held.statements.count("COMMIT") <= 2, "one for the write that held up, one for the rest"


def test_a_group_is_bounded(db: Database, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUP_COMMIT_WRITES", 2)
    futures = held.gather([add(f"n{number}") for number in range(5)])
    held.release()
    assert all(future.exception(PATIENCE_SECONDS) is None for future in futures)
    assert held.statements.count("COMMIT") >= 3
    assert len(names(db)) == 5


def test_a_full_queue_refuses_at_once(path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUED_WRITES", 2)
    db = Database(path, RUNTIME, MIGRATIONS)
    held = Held(db, call)
    futures = held.gather([add("a"), add("b")])
    with pytest.raises(Overloaded) as caught:
        db.write(call, add("c"))
    assert caught.value.retry_after is not None
    held.release()
    assert [future.exception(PATIENCE_SECONDS) for future in futures] == [None, None]
    assert names(db) == {"a", "b"}
    db.close()


def test_what_the_disk_refuses_is_unavailable(db: Database, call: Call) -> None:
    def full(connection: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with pytest.raises(Unavailable, match="disk is full"):
        db.write(call, full)
    db.write(call, add("a"))
    assert names(db) == {"a"}


def test_a_group_that_cannot_be_committed_fails_as_a_whole(db: Database, held: Held) -> None:
    def lose_the_transaction(connection: sqlite3.Connection) -> None:
        # As SQLite itself does when the disk is full.
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    futures = held.gather([add("a"), lose_the_transaction, add("b")])
    held.release()
    for future in futures:
        assert isinstance(future.exception(PATIENCE_SECONDS), Unavailable)
        assert "disk is full" in str(future.exception())
    assert names(db) == set()


def test_the_writer_lives_on_after_failures(db: Database, call: Call) -> None:
    for error in (ValueError, sqlite3.OperationalError, MurmurationError):
        with pytest.raises(Exception):  # noqa: B017
            db.write(call, lambda connection, error=error: (_ for _ in ()).throw(error("x")))
    db.write(call, add("a"))
    assert names(db) == {"a"}


# Deadlines and ends


def test_a_call_without_time_writes_nothing(db: Database, call: Call) -> None:
    with pytest.raises(DeadlineExceeded):
        db.write(call.within(0), add("a"))
    db.write(call, add("b"))
    assert names(db) == {"b"}


def test_a_call_waits_no_longer_than_it_has(db: Database, held: Held, call: Call) -> None:
    with pytest.raises(DeadlineExceeded):
        db.write(call.within(0.02), add("late"))
    held.release()
    db.write(call, add("next"))
    # What was given up may still be written.
    assert names(db) - {"late"} == {"next"}


def test_closing_finishes_what_waits(path: Path, call: Call) -> None:
    db = Database(path, RUNTIME, MIGRATIONS)
    held = Held(db, call)
    futures = held.gather([add("a"), add("b")])
    closing = threading.Thread(target=db.close)
    closing.start()
    held.release()
    closing.join(PATIENCE_SECONDS)
    assert [future.exception(PATIENCE_SECONDS) for future in futures] == [None, None]
    again = Database(path, RUNTIME, MIGRATIONS)
    assert names(again) == {"a", "b"}
    again.close()


def test_a_closed_store_is_unavailable(path: Path, call: Call) -> None:
    db = Database(path, RUNTIME, MIGRATIONS)
    db.close()
    db.close()
    with pytest.raises(Unavailable):
        db.write(call, add("a"))


# Reading


def test_reads_do_not_wait_for_writes(db: Database, held: Held) -> None:
    assert names(db) == set()


def test_as_many_connections_are_open_as_read_at_once(db: Database) -> None:
    """However many threads read, one after the other."""
    used = set()
    for _ in range(8):
        reader = threading.Thread(target=lambda: used.add(db.read(id)))
        reader.start()
        reader.join()
    assert len(used) == 1
    assert db.read(lambda outer: db.read(lambda inner: inner is not outer)), "nobody else uses it meanwhile"


def test_reads_write_nothing(db: Database) -> None:
    with pytest.raises(Unavailable, match=r"readonly|read-only|query_only"):
        db.read(add("a"))


def test_a_read_that_the_file_refuses_is_unavailable(db: Database) -> None:
    with pytest.raises(Unavailable, match="no such table"):
        db.read(lambda connection: connection.execute("SELECT * FROM absent"))


def test_every_task_reads_what_was_acked(db: Database, call: Call) -> None:
    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            db.write(call, add(f"n{number}"))
            assert all(len(found) == number + 1 for found in pool.map(lambda _: names(db), range(4)))


def test_a_reader_sees_writes_and_refuses_its_own(path: Path, db: Database, call: Call) -> None:
    reader = Database(path, RUNTIME, MIGRATIONS, read_only=True)
    db.write(call, add("a"))
    assert names(reader) == {"a"}
    with pytest.raises(Unavailable, match="reading only"):
        reader.write(call, add("b"))
    reader.close()
    assert names(db) == {"a"}


def test_a_file_whose_writer_is_gone_can_be_read(path: Path, call: Call) -> None:
    db = Database(path, RUNTIME, MIGRATIONS)
    db.write(call, add("a"))
    db.close()
    reader = Database(path, RUNTIME, MIGRATIONS, read_only=True)
    assert names(reader) == {"a"}
    reader.close()


# What the disk and the file do


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (sqlite3.SQLITE_FULL, "The disk that holds things.db is full: free some space"),
        (sqlite3.SQLITE_IOERR_WRITE, "The disk that holds things.db fails (x): check it"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "things.db is damaged (x): stop murmurd and restore"),
        (sqlite3.SQLITE_NOTADB, "things.db is damaged (x)"),
        (sqlite3.SQLITE_BUSY, "the store things.db (x) does not answer"),
    ],
)
def test_a_call_is_told_what_the_file_or_its_disk_does(db: Database, call: Call, code: int, sentence: str) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("x")
        error.sqlite_errorcode = code
        raise error

    for attempt in (lambda: db.write(call, fail), lambda: db.read(fail)):
        with pytest.raises(MurmurationError) as caught:
            attempt()
        assert caught.value.message.startswith(sentence)
        assert caught.value.code.name == "UNAVAILABLE"


def test_a_disk_that_is_full_undoes_a_group_and_lets_the_next_one_in(db: Database, call: Call) -> None:
    """SQLite's own error, of a file that may not grow: max_page_count stands for the end of the disk."""
    pages = db.read(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
    db.write(call, lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises(MurmurationError, match="is full: free some space"):
        db.write(call, add(*(f"{number:0200}" for number in range(500))))
    assert names(db) == set()
    db.write(call, lambda connection: connection.execute("PRAGMA max_page_count = 100000"))
    db.write(call, add("room"))
    assert names(db) == {"room"}


def test_a_closed_store_leaves_nothing_beside_its_file(path: Path, call: Call) -> None:
    """Also while another process has it open, which may only read."""
    db = Database(path, RUNTIME, MIGRATIONS)
    reader = Database(path, RUNTIME, MIGRATIONS, read_only=True)
    db.write(call, add("a"))
    assert names(reader) == {"a"}
    db.close()
    assert path.with_name("things.db-wal").stat().st_size == 0
    reader.close()


# Schemas and files


def test_migrations_run_once_each_in_order(path: Path, call: Call) -> None:
    more = [*MIGRATIONS, "INSERT INTO things VALUES ('second'); CREATE TABLE more (name TEXT)"]
    for migrations in (MIGRATIONS, more, more):
        db = Database(path, RUNTIME, migrations)
        db.close()
    db = Database(path, RUNTIME, more)
    assert names(db) == {"second"}
    db.close()


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    Database(path, RUNTIME, MIGRATIONS).close()
    with pytest.raises(Exception):  # noqa: B017
        Database(path, RUNTIME, [*MIGRATIONS, "INSERT INTO things VALUES ('x'); INSERT INTO absent VALUES (1)"])
    db = Database(path, RUNTIME, MIGRATIONS)
    assert names(db) == set()
    db.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_newer_schema_is_refused(path: Path, read_only: bool) -> None:
    Database(path, RUNTIME, [*MIGRATIONS, "CREATE TABLE more (name TEXT)"]).close()
    with pytest.raises(StoreUnusable, match=r"things\.db was written by a newer version \(schema 2, .* 1\)"):
        Database(path, RUNTIME, MIGRATIONS, read_only=read_only)


def test_a_reader_refuses_a_schema_that_is_not_ready(path: Path) -> None:
    Database(path, RUNTIME, MIGRATIONS).close()
    with pytest.raises(StoreNotReady, match=r"not ready yet \(schema 1 of 2\)"):
        Database(path, RUNTIME, [*MIGRATIONS, "CREATE TABLE more (name TEXT)"], read_only=True)


def test_a_reader_makes_no_file(path: Path) -> None:
    with pytest.raises(StoreNotReady, match="is not there"):
        Database(path, RUNTIME, MIGRATIONS, read_only=True)
    assert not path.exists()


@pytest.mark.parametrize("read_only", [False, True])
def test_what_is_no_database_is_refused_and_left_alone(path: Path, read_only: bool) -> None:
    path.write_bytes(b"my diary" * 1000)
    with pytest.raises(StoreUnusable, match=r"not a (readable )?database"):
        Database(path, RUNTIME, MIGRATIONS, read_only=read_only)
    assert path.read_bytes() == b"my diary" * 1000


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match=r"Cannot open .*nowhere.*folder exists, is writable"):
        Database(tmp_path / "nowhere" / "things.db", RUNTIME, MIGRATIONS)


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="Cannot open"):
        Database(tmp_path, RUNTIME, MIGRATIONS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreUnusable, match="is writable"):
            Database(tmp_path / "things.db", RUNTIME, MIGRATIONS)
    finally:
        tmp_path.chmod(0o700)


def test_placeholders() -> None:
    assert [placeholders([]), placeholders([1]), placeholders([1, 2])] == ["", "?", "?, ?"]


# Versions


def test_a_version_lasts_until_somebody_commits(db: Database, path: Path, call: Call) -> None:
    reader = Database(path, RUNTIME, MIGRATIONS, read_only=True)
    before = reader.version()
    reader.read(lambda connection: connection.execute("SELECT * FROM things").fetchall())
    assert reader.version() == before == db.version()
    db.write(call, add("one"))
    after = reader.version()
    assert after == db.version() != before
    with pytest.raises(sqlite3.IntegrityError):
        db.write(call, add("one"))
    assert db.read(lambda connection: connection.execute("SELECT count(*) FROM things").fetchone()[0]) == 1
    reader.close()
    assert reader.version() != reader.version(), "of a file that is closed nothing is known"


def test_a_version_is_another_after_a_checkpoint_and_a_commit(db: Database, path: Path, call: Call) -> None:
    reader = Database(path, RUNTIME, MIGRATIONS, read_only=True)
    seen = set()
    for name in ("one", "two", "three"):
        db.write(call, add(name))
        seen.add(reader.version())
        db._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert len(seen) == 3
    reader.close()


def test_a_version_in_memory_is_another_after_each_write(call: Call) -> None:
    db = Database(None, RUNTIME, MIGRATIONS)
    before = db.version()
    assert db.version() == before
    db.write(call, add("one"))
    assert db.version() != before
    db.close()
