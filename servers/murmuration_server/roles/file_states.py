"""Whether this release can use the files of a data folder, found without changing them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from murmuration_server.eventlog.sqlite import SqliteEventLog
from murmuration_server.graph.stores.sqlite import SqliteGraphStore
from murmuration_server.platform.ids import time_ms
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.sqlite import StoreNotReady, StoreUnusable
from murmuration_server.timeline.stores.sqlite import SqliteHomeStateStore, SqliteHomeStore
from murmuration_server.tweets.stores.sqlite import SqliteTweetStore
from murmuration_server.users.stores.sqlite import SqliteUserStore

READY, OLDER, UNUSABLE = "ready", "older", "unusable"


class _Store(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FileState:
    """state: READY, OLDER (the next start brings it up to date) or UNUSABLE. message: why, if it is not ready."""

    name: str
    state: str
    message: str = ""


def file_states(folder: Path, runtime: Runtime) -> list[FileState]:
    """The state of each store's file that is there; a folder without files is one that was never started."""
    present = {name: path for name in _openers(runtime) if (path := folder / f"{name}.sqlite").exists()}
    return [_state(name, path, runtime) for name, path in present.items()]


def newest_post_ms(folder: Path) -> int | None:
    """When the newest post's id was taken, in milliseconds since 1970; None where there is no post that can be read."""
    path = folder / "tweets.sqlite"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            newest: int | None = connection.execute("SELECT max(tweet_id) FROM tweets").fetchone()[0]
    except sqlite3.DatabaseError:
        return None
    return None if newest is None else time_ms(newest)


def _state(name: str, path: Path, runtime: Runtime) -> FileState:
    try:
        _openers(runtime)[name](path).close()
    except StoreNotReady as error:
        return FileState(name, OLDER, str(error))
    except StoreUnusable as error:
        return FileState(name, UNUSABLE, str(error))
    return FileState(name, READY)


def _openers(runtime: Runtime) -> Mapping[str, Callable[[Path], _Store]]:
    return {
        "users": lambda path: SqliteUserStore(path, runtime, read_only=True),
        "graph": lambda path: SqliteGraphStore(path, runtime, read_only=True),
        "tweets": lambda path: SqliteTweetStore(path, runtime, read_only=True),
        "timeline_state": lambda path: SqliteHomeStateStore(path, runtime, read_only=True),
        "homes": lambda path: SqliteHomeStore(path, runtime, read_only=True),
        "log": lambda path: SqliteEventLog(path, runtime, partitions=1, read_only=True),
    }
