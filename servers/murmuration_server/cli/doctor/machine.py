"""Checks of the machine: the data folder, space, descriptors, ports, the clock."""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from murmuration_server.cli.doctor.finding import FAIL, OK, WARN, Finding
from murmuration_server.platform.config import Settings
from murmuration_server.platform.ids import MAX_AHEAD_MS
from murmuration_server.platform.runtime import Runtime
from murmuration_server.roles.file_states import OLDER, UNUSABLE, file_states, newest_post_ms

MIB = 1 << 20
FAIL_BELOW_BYTES = 100 * MIB
WARN_BELOW_BYTES = 1024 * MIB

DESCRIPTORS_WANTED = 1024
"""Both processes hold some 60 files and sockets, and one more for each caller's connection."""
DESCRIPTORS_LEAST = 128

RELEASED_MS = 1_704_067_200_000
"""2024-01-01, where ids begin: no clock is right that says less."""

DEFAULT_METRICS_PORT = 7701


def data_folder(settings: Settings) -> Iterator[Finding]:
    """Whether files can be made where the data will lie, with the locks and shared memory that SQLite's WAL needs."""
    folder = settings.data
    place = _nearest(folder)
    try:
        with tempfile.TemporaryDirectory(prefix=".murmurd-doctor-", dir=place) as scratch:
            mode = _journal_mode(Path(scratch) / "try.sqlite")
    except (OSError, sqlite3.Error) as error:
        step = f"Make {place} writable for this user, or choose another folder: --data, or `data` in the settings."
        yield Finding("data folder", FAIL, f"Nothing can be written in {place}: {_reason(error)}.", step)
        return
    if mode != "wal":
        step = "Put the data on a local disk: SQLite's WAL does not work over a network."
        yield Finding("data folder", FAIL, f"The file system of {place} does not carry a WAL.", step)
        return
    there = "" if folder.exists() else ", which the first start makes"
    yield Finding("data folder", OK, f"{folder} can be written{there}.")


def free_space(settings: Settings) -> Iterator[Finding]:
    place = _nearest(settings.data)
    free = shutil.disk_usage(place).free
    what = f"{free / MIB:,.0f} MiB are free in {place}."
    step = "Make room, or choose another folder: writes are refused when the disk is full."
    if free < FAIL_BELOW_BYTES:
        yield Finding("free space", FAIL, what, step)
    else:
        yield Finding("free space", WARN if free < WARN_BELOW_BYTES else OK, what, step * (free < WARN_BELOW_BYTES))


def descriptors() -> Iterator[Finding]:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= DESCRIPTORS_WANTED:
        yield Finding("open files", OK, f"A process may open {'any number of' if soft < 0 else soft} files.")
        return
    step = f"Raise the limit before the start: ulimit -n {DESCRIPTORS_WANTED * 4}."
    yield Finding(
        "open files", FAIL if soft < DESCRIPTORS_LEAST else WARN, f"A process may open {soft} files only.", step
    )


def ports(settings: Settings) -> Iterator[Finding]:
    """Whether the ports that `murmurd up` takes are free, or taken by the murmurd of this very folder."""
    metrics = settings.server.metrics_port
    metrics = DEFAULT_METRICS_PORT if metrics is None else metrics
    wanted = {settings.server.port: "--port"} | (
        {metrics: "--metrics-port", metrics + 1: "--metrics-port"} if metrics else {}
    )
    running = _in_use(settings.data)
    for port, option in wanted.items():
        if port == 0:
            continue
        error = _bind_error(settings.server.host, port)
        if error is None:
            yield Finding("ports", OK, f"Port {port} is free.")
        elif running:
            yield Finding("ports", OK, f"Port {port} is taken; a murmurd runs on {settings.data}.")
        else:
            step = f"End what holds it, or choose another port: `murmurd up {option} N`, N = 0 for any."
            yield Finding("ports", FAIL, f"Port {port} of {settings.server.host} cannot be taken: {error}.", step)


def files(settings: Settings, runtime: Runtime) -> Iterator[Finding]:
    """Whether this release can use the files that are there."""
    if not os.access(settings.data, os.R_OK | os.X_OK):
        return
    states = file_states(settings.data, runtime)
    for state in states:
        if state.state == UNUSABLE:
            yield Finding("files", FAIL, state.message, "Nothing was changed; keep a copy before anything else.")
        elif state.state == OLDER:
            what = f"{state.name}.sqlite is of an older release."
            yield Finding("files", WARN, what, "The next start brings it up to date; keep a copy if you may go back.")
    if states and all(state.state not in (UNUSABLE, OLDER) for state in states):
        yield Finding("files", OK, f"{len(states)} files are of this release's schema.")


def clock(settings: Settings, runtime: Runtime) -> Iterator[Finding]:
    """Whether the clock is past the beginning of ids, and not behind what it once gave out."""
    now = runtime.now_ms()
    step = "Set the clock, and keep it right with NTP."
    if now < RELEASED_MS:
        yield Finding("clock", FAIL, f"The clock says {_when(now)}, before ids begin.", step)
        return
    newest = newest_post_ms(settings.data)
    if newest is not None and newest > now + MAX_AHEAD_MS:
        what = (
            f"The clock says {_when(now)}, and the newest post is of {_when(newest)}: new posts are refused until then."
        )
        yield Finding("clock", FAIL, what, step)
    else:
        yield Finding("clock", OK, f"The clock says {_when(now)}.")


def _journal_mode(file: Path) -> str:
    """The mode of a new database in which WAL was asked for and something was written."""
    with closing(sqlite3.connect(file)) as connection:
        mode: str = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        connection.execute("CREATE TABLE try (one)")
    return mode


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    folder = folder.absolute()
    return next(each for each in (folder, *folder.parents) if each.exists())


def _in_use(folder: Path) -> bool:
    """Whether a serving process holds the folder's lock."""
    try:
        with (folder / "serving.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def _bind_error(host: str, port: int) -> str | None:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind(address)
    except (OSError, OverflowError) as error:
        return _reason(error)
    return None


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _when(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
