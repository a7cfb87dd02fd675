"""The files of the embedded default, and who opens them how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.stores.sqlite import SqliteGraphStore
from murmuration_server.platform.config import Settings
from murmuration_server.platform.leases import SqliteLeaseStore
from murmuration_server.platform.paging import SigningKeys
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import StoreUnusable
from murmuration_server.timeline.stores.sqlite import SqliteHomeStateStore, SqliteHomeStore
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from murmuration_server.users.stores.sqlite import SqliteUserStore

T = TypeVar("T")

OTHER_PROCESS_SECONDS = 15.0
KEY_BYTES = 32


class Files:
    """Opens stores in one data folder; closes what it has opened."""

    def __init__(self, settings: Settings, runtime: Runtime) -> None:
        self._folder, self._runtime, self._settings = settings.data, runtime, settings
        self._opened: list[Callable[[], None]] = []
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnusable(f"Cannot make the data folder {self._folder}: {error.strerror}.") from error

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

    def signing_keys(self) -> SigningKeys:
        """Made at the first start, kept in a file that only its owner can read."""
        path = self._folder / "cursor.key"
        try:
            if not path.exists():
                path.touch(mode=0o600)
                path.write_bytes(self._runtime.token(KEY_BYTES))
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
            except StoreUnusable:
                if self._runtime.monotonic() >= deadline:
                    raise
                self._runtime.sleep(0.02)
        self._opened.append(store.close)  # type: ignore[attr-defined]
        return store
