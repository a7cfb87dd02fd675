"""A SQLite file with one writer that groups commits, and a read connection for each of those who read at once.

One process writes a file; others open it read-only. Writers wait for the fsync of the transaction their write is in;
under load many writes share one. Measured on 2 cores: two processes writing one file, p99 230 ms; one, 4 ms.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import DeadlineExceeded, Overloaded, Unavailable
from murmuration_server.platform.runtime import Queue, QueueFull, Runtime
from murmuration_server.platform.runtime.elastic_pool import waiting
from murmuration_server.platform.sqlite_faults import fault, is_of_the_file, refusal
from murmuration_server.platform.unusable import CannotStart
from murmuration_server.platform.wal_index import WalIndex

T = TypeVar("T")

QUEUED_WRITES = 2048
GROUP_COMMIT_WRITES = 256
BUSY_TIMEOUT_SECONDS = 5.0


class StoreUnusable(CannotStart):
    """The file cannot be used; the message says why and what to do."""


class StoreNotReady(StoreUnusable):
    """The process that writes the file has not made it yet."""


class _Write(Generic[T]):
    """A write on its way through the writer, and its result."""

    def __init__(self, work: Callable[[sqlite3.Connection], T], runtime: Runtime) -> None:
        self.work, self.done = work, runtime.event()
        self.result: T | None = None
        self.error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        connection.execute("SAVEPOINT one_write")
        try:
            self.result = self.work(connection)
        except Exception as error:
            if not connection.in_transaction:
                # SQLite itself has undone the whole group, as it may do when the disk is full.
                raise
            connection.execute("ROLLBACK TO one_write")
            self.error = error
        connection.execute("RELEASE one_write")


class Database:
    """`path` is a file, or None for memory (simulations only: one connection, one task at a time).

    `migrations` are scripts, each run once, in order; `user_version` counts them.
    """

    def __init__(
        self, path: Path | None, runtime: Runtime, migrations: Sequence[str], *, read_only: bool = False
    ) -> None:
        self._path, self._runtime, self._read_only = path, runtime, read_only
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = runtime.lock()
        self._wal_index: WalIndex | None = None
        self._closed = False
        if read_only:
            connection = self._take()
            try:
                _check_version(connection, path, len(migrations), exactly=True)
            except BaseException:
                connection.close()
                raise
            self._give_back(connection)
            return
        self._writer = _open(path, read_only=False)
        try:
            _migrate(self._writer, path, migrations)
        except BaseException:
            self._writer.close()
            raise
        self._queue: Queue[_Write[Any] | None] = runtime.queue(QUEUED_WRITES)
        self._task = runtime.spawn(f"sqlite-writer-{path.name if path else 'memory'}", self._write_loop)

    def write(self, call: Call, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work` in a transaction and returns when it is on disk. `work` must not wait for anything.

        Raises what `work` raised, after undoing it; `Overloaded` where the queue is full; `DeadlineExceeded` where the
        call ran out of time waiting: the write may still happen; `Unavailable` where the disk refuses.
        """
        if self._read_only or self._closed:
            raise Unavailable(f"the store {self._name()} (open for reading only)")
        item: _Write[T] = _Write(work, self._runtime)
        remaining = call.remaining()
        try:
            self._queue.put(item)
        except QueueFull:
            raise Overloaded("the write queue", retry_after=0.2) from None
        with waiting():
            is_done = item.done.wait(remaining)
        if not is_done:
            raise DeadlineExceeded
        if item.error is not None:
            raise item.error
        return item.result  # type: ignore[return-value]

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs `work`, which only reads, on a connection that nobody else uses meanwhile."""
        connection = self._take()
        try:
            return work(connection)
        except sqlite3.DatabaseError as error:
            raise fault(self._name(), error) from error
        finally:
            self._give_back(connection)

    def version(self) -> object:
        """Equal answers: nothing was committed in between, by whatever process. Costs no step of SQLite."""
        if self._path is None:
            return self._writer.total_changes
        with self._idle_lock:
            if self._wal_index is None and not self._closed:
                try:
                    self._wal_index = WalIndex(self._path)
                except OSError:
                    return object()
            return self._wal_index.header() if self._wal_index else object()

    def close(self) -> None:
        """Finishes the writes that wait, puts them all into the file itself, and closes."""
        if self._closed:
            return
        self._closed = True
        if not self._read_only:
            self._put_last()
            self._task.join(BUSY_TIMEOUT_SECONDS)
            self._empty_wal()
        with self._idle_lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()
        if not self._read_only:
            self._writer.close()
        with self._idle_lock:
            if self._wal_index is not None:
                self._wal_index.close()
                self._wal_index = None

    def _empty_wal(self) -> None:
        """SQLite does it when the last connection closes, unless that is another process's, which may only read. Then
        who copies the files of a stopped system without the WALs would lose what is in these."""
        try:
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error:
            pass  # What is in the WAL is as safe there; a full disk is no reason not to stop.

    def _put_last(self) -> None:
        while True:
            try:
                self._queue.put(None)
                return
            except QueueFull:
                self._runtime.sleep(0.01)

    def _name(self) -> str:
        return self._path.name if self._path else "memory"

    def _take(self) -> sqlite3.Connection:
        """The connection that was given back last, whose cache is the warmest: as many are opened as read at once."""
        if self._path is None:
            return self._writer
        try:
            return self._idle.pop()
        except IndexError:
            connection = _open(self._path, read_only=self._read_only)
            connection.execute("PRAGMA query_only = 1")
            return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        if self._path is None:
            return
        with self._idle_lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _write_loop(self) -> None:
        while (first := self._queue.get()) is not None:
            group: list[_Write[Any]] = [first]
            last = False
            while len(group) < GROUP_COMMIT_WRITES and self._queue.qsize():
                item = self._queue.get(0)
                if item is None:
                    last = True
                    break
                group.append(item)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Write[Any]]) -> None:
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for item in group:
                item.run(self._writer)
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for item in group:
                item.error = error
        for item in group:
            if isinstance(item.error, sqlite3.Error) and is_of_the_file(item.error):
                item.error = fault(self._name(), item.error)
            item.done.set()


def _open(path: Path | None, *, read_only: bool) -> sqlite3.Connection:
    if path is None:
        target, uri = ":memory:", False
    else:
        target, uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}", True
    try:
        connection = sqlite3.connect(
            target, uri=uri, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False
        )
        if path is not None and not read_only:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -16384")
        return connection
    except sqlite3.DatabaseError as error:
        # Asked again whether it is there, it may have come since: what cannot be opened is then tried once more.
        if read_only and path is not None and getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CANTOPEN:
            raise StoreNotReady(f"{path} is not there; the process that writes it does not run.") from error
        raise StoreUnusable(refusal(path, error)) from error


def _check_version(connection: sqlite3.Connection, path: Path | None, known: int, *, exactly: bool) -> int:
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        # Reads the whole schema. More than that costs time in proportion to the file: docs/adr/0022.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreUnusable(refusal(path, error)) from error
    if version > known:
        raise StoreUnusable(
            f"{path} was written by a newer version (schema {version}, this one knows {known}). Use that version."
        )
    if exactly and version != known:
        raise StoreNotReady(f"{path} is not ready yet (schema {version} of {known}).")
    return version


def _migrate(connection: sqlite3.Connection, path: Path | None, migrations: Sequence[str]) -> None:
    version = _check_version(connection, path, len(migrations), exactly=False)
    for number, script in enumerate(migrations[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
        except sqlite3.DatabaseError as error:
            raise StoreUnusable(refusal(path, error)) from error


def placeholders(values: Sequence[object]) -> str:
    """`?, ?, ?` for an IN list. Callers bound its length."""
    return ", ".join("?" * len(values))
