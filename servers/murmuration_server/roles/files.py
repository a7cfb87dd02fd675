"""The files of the embedded default, and who opens them how."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.stores.sqlite import SqliteGraphStore
from murmuration_server.platform.config import Settings
from murmuration_server.platform.errors import MurmurationError
from murmuration_server.platform.lease_stores.sqlite import SqliteLeaseStore
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.runtime import Event, Runtime
from murmuration_server.platform.sqlite import StoreNotReady, StoreUnusable
from murmuration_server.sharding.embedded_placement import EmbeddedPlacement
from murmuration_server.timeline.stores.sqlite import SqliteHomeStateStore, SqliteHomeStore
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from murmuration_server.users.stores.sqlite import SqliteUserStore

T = TypeVar("T")

OTHER_PROCESS_SECONDS = 15.0
RETRY_SECONDS = 0.02
LOCK_SECONDS = 1.0
KEY_BYTES = 32
OF_USERS = ("users", "graph", "tweets", "timeline_state", "homes")
"""Stores that hold rows of users."""


class Files:
    """Opens stores in one data folder for a process of a role, of which there is one; closes what it has opened.

    Gives up waiting for another process's files when `stop` is set.
    """

    def __init__(self, settings: Settings, runtime: Runtime, role: str, stop: Event) -> None:
        self._folder, self._runtime, self._settings, self._stop = settings.data, runtime, settings, stop
        self._opened: list[Callable[[], None]] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnusable(f"Cannot make the data folder {self._folder}: {error.strerror}.") from error
        self._lock(role)

    def _lock(self, role: str) -> None:
        """Two writers of one file would undo each other. The lock ends with the process, however it ends."""
        path = self._folder / f"{role}.lock"
        try:
            lock = path.open("w")
        except OSError as error:
            raise StoreUnusable(f"Cannot write in the data folder {self._folder}: {error.strerror}.") from error
        deadline = self._runtime.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                # A process that was told to stop a moment ago may still be finishing.
                if self._runtime.monotonic() >= deadline or self._stop.wait(RETRY_SECONDS):
                    lock.close()
                    raise StoreUnusable(
                        f"{self._folder} is in use by another murmurd: stop that one, or choose another --data."
                    ) from None
        self._opened.append(lock.close)

    def users(self, *, read_only: bool) -> SqliteUserStore:
        return self._open(lambda: SqliteUserStore(self._path("users"), self._runtime, read_only=read_only), read_only)

    def graph(self, *, read_only: bool) -> SqliteGraphStore:
        return self._open(lambda: SqliteGraphStore(self._path("graph"), self._runtime, read_only=read_only), read_only)

    def tweets(self, *, read_only: bool) -> SqliteTweetStore:
        return self._open(lambda: SqliteTweetStore(self._path("tweets"), self._runtime, read_only=read_only), read_only)

    def home_states(self, *, read_only: bool) -> SqliteHomeStateStore:
        return self._open(
            lambda: SqliteHomeStateStore(self._path("timeline_state"), self._runtime, read_only=read_only), read_only
        )

    def homes(self, *, read_only: bool) -> SqliteHomeStore:
        return self._open(lambda: SqliteHomeStore(self._path("homes"), self._runtime, read_only=read_only), read_only)

    def log(self, *, read_only: bool) -> SqliteEventLog:
        partitions = self._settings.fanout.partitions
        return self._open(
            lambda: SqliteEventLog(self._path("log"), self._runtime, partitions, read_only=read_only), read_only
        )

    def leases(self) -> SqliteLeaseStore:
        return self._open(lambda: SqliteLeaseStore(self._path("leases"), self._runtime), False)

    def placement(self) -> EmbeddedPlacement:
        return EmbeddedPlacement([self._path(name).name for name in OF_USERS])

    def signing_keys(self) -> SigningKeys:
        """Made at the first start, kept in a file that only its owner can read."""
        path = self._folder / "cursor.key"
        try:
            if not path.exists():
                _write_whole(path, self._runtime.token(KEY_BYTES))
            key = path.read_bytes()
        except OSError as error:
            raise StoreUnusable(f"Cannot use {path}: {error.strerror}.") from error
        if len(key) != KEY_BYTES:
            raise StoreUnusable(f"{path} does not hold {KEY_BYTES} bytes; delete it to have a new key made.")
        return SigningKeys(((1, key),))

    def close(self) -> None:
        while self._opened:
            self._opened.pop()()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.sqlite"

    def _open(self, make: Callable[[], T], read_only: bool) -> T:
        """A file that another process writes may not be there yet when both start at once."""
        deadline = self._runtime.monotonic() + (OTHER_PROCESS_SECONDS if read_only else 0.0)
        while True:
            try:
                store = make()
                break
            except StoreNotReady:
                if self._runtime.monotonic() >= deadline or self._stop.wait(RETRY_SECONDS):
                    raise
            except MurmurationError as error:
                raise StoreUnusable(error.message) from error
        self._opened.append(store.close)  # type: ignore[attr-defined]
        return store


def _write_whole(path: Path, content: bytes) -> None:
    """All of it or no file, for its owner alone, also if the process dies meanwhile or the disk is full."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
