"""The systems under test: `murmurd up` with its real processes, and bare servers beside it."""

from __future__ import annotations

import pickle
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Protocol

from benchmarks.failures import TookTooLong
from loadtest.system import System
from murmuration_client import Client, DeadlineExceeded, Unavailable

CALL_SECONDS = 20.0
POLL_SECONDS = 0.02
DELIVERY_SECONDS = 300.0


class Measured(Protocol):
    """What measurements ask of a system. `target`: where it takes calls. `pids`: name to process, for profiles."""

    @property
    def client(self) -> Client: ...

    @property
    def target(self) -> str: ...

    def pids(self) -> dict[str, int]: ...

    def ids_of(self, handles: Sequence[str]) -> list[int]:
        """Of accounts that there are."""
        ...

    def await_delivered(self) -> float:
        """Until no event waits for the log or for delivery; answers that moment, on time.perf_counter."""
        ...


def await_delivered(client: Client, seconds: float, pause_seconds: float) -> float:
    """See `Measured`. Raises TookTooLong after `seconds`, which says what waits, or why nobody knows."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            backlog = client.admin.get_backlog()
        except (Unavailable, DeadlineExceeded) as error:
            waits = f"it is not known whether events wait: {error}"
        else:
            lanes = {f"{lane.group} of {lane.topic}": lane.records for lane in backlog.lanes if lane.records}
            if not backlog.outbox_rows and not lanes:
                return time.perf_counter()
            waits = f"events still wait: {backlog.outbox_rows} for the log, {lanes or 'none'} for delivery"
        if time.monotonic() > deadline:
            raise TookTooLong(f"After {seconds:g} s {waits}.")
        time.sleep(pause_seconds)


class Murmurd:
    """A `murmurd up` on free ports with an empty folder, and a client of it. `settings`: SECTION__KEY to value."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        self.system = System(settings or {}, "bench")
        try:
            self.system.await_ready()
            self.client = Client(self.system.target, timeout=CALL_SECONDS)
        except BaseException:
            self.system.stop()
            raise

    def __enter__(self) -> Murmurd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.system.stop()

    @property
    def target(self) -> str:
        return self.system.target

    @property
    def serving_pid(self) -> int:
        return self.system.serving_pid

    @property
    def worker_pid(self) -> int:
        return self.system.worker_pid

    @property
    def data(self) -> Path:
        return self.system.folder / "data"

    def pids(self) -> dict[str, int]:
        return {"serving": self.serving_pid, "worker": self.worker_pid}

    def ids_of(self, handles: Sequence[str]) -> list[int]:
        """From the users' file: the API finds accounts one by one."""
        with closing(sqlite3.connect(f"file:{self.data / 'users.sqlite'}?mode=ro", uri=True)) as file:
            found = dict(file.execute("SELECT handle, user_id FROM users"))
        return [found[handle] for handle in handles]

    def await_delivered(self, seconds: float = DELIVERY_SECONDS) -> float:
        return await_delivered(self.client, seconds, POLL_SECONDS)


class BareServer:
    """`benchmarks.bare` in a process of its own. `replies`: bytes that it answers in turn."""

    def __init__(self, threads: int, replies: Sequence[bytes]) -> None:
        self.threads = threads
        with tempfile.NamedTemporaryFile() as file:
            file.write(pickle.dumps(list(replies)))
            file.flush()
            command = [sys.executable, "-m", "benchmarks.bare", "--threads", str(threads), "--replies", file.name]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).resolve().parents[1],
            )
            assert self._process.stdout is not None
            port = self._process.stdout.readline().strip()
        if not port:
            raise TookTooLong("The bare server did not start.")
        self.pid = self._process.pid
        self.target = f"127.0.0.1:{port}"

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
