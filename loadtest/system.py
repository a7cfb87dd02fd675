"""The system under load: `murmurd up` in a process of its own, with its data in a folder that is thrown away."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

READY_SECONDS = 30.0
STOP_SECONDS = 25.0
REMOVE_SECONDS = 10.0
POLL_SECONDS = 0.01
SCRAPE_SECONDS = 2.0
LINES_SHOWN = 20
DELIVERIES = "murmuration_deliveries_total"


class SystemFailed(Exception):
    """The system did not start, or has ended; the message ends with the last lines it said."""


class System:
    """Starts at once. Output goes to files, not pipes: a system that is kept outlives its starter.

    settings: SECTION__KEY to value. name: of the folder, in part.
    """

    def __init__(self, settings: Mapping[str, str], name: str = "demo") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"murmurd-{name}-"))
        self._events, self._log = self.folder / "events.jsonl", self.folder / "server.log"
        self._read = 0
        command = [sys.executable, "-m", "murmuration_server", "up", "--json", "--port", "0", "--metrics-port", "0"]
        command += ["--data", str(self.data)]
        # Settings of the caller's shell would make another system.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MURMURATION_")}
        with self._events.open("wb") as events, self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                env=environment | {f"MURMURATION_{name}": value for name, value in settings.items()},
                stdin=subprocess.DEVNULL,
                stdout=events,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the starter, which then stops it
            )

    def await_ready(self) -> None:
        """Learns ports and process ids. Raises SystemFailed."""
        ready = self.await_event("ready", READY_SECONDS)
        self.target = f"127.0.0.1:{ready['port']}"
        self.worker_pid: int = ready["pids"]["worker"]
        self.serving_pid: int = ready["pids"]["serving"]
        self._metrics_port: int = ready["metrics_ports"][1]

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def how_to_stop(self) -> str:
        """For people who have kept it."""
        pid = self.process.pid
        return f"Stop it and remove its data:\n  kill {pid}; while kill -0 {pid}; do sleep 1; done; rm -r {self.folder}"

    def kill_worker(self) -> None:
        """kill -9 for this one process: no clean-up, no last words."""
        os.kill(self.worker_pid, signal.SIGKILL)

    def await_restart(self, seconds: float) -> None:
        """The supervisor has begun the worker again. Raises SystemFailed."""
        event = self.await_event("restarted", seconds)
        self.worker_pid = event["pid"]
        self._metrics_port = event["metrics_port"]

    def await_event(self, name: str, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while True:
            for event in self._new_events():
                if event["event"] == name:
                    return event
            if self.process.poll() is not None:
                raise SystemFailed(f"The system has ended with status {self.process.returncode}.{self.last_lines()}")
            if time.monotonic() > deadline:
                raise SystemFailed(f"The system did not say {name!r} within {seconds:g} s.{self.last_lines()}")
            time.sleep(POLL_SECONDS)

    def delivered_rows(self) -> int:
        """Rows that the present worker process has written into homes, by its own count."""
        return delivered_rows(self._metrics_port)

    def last_lines(self) -> str:
        """The end of what it said, for people; empty if it said nothing."""
        try:
            lines = self._log.read_text(errors="replace").splitlines()[-LINES_SHOWN:]
        except OSError:
            return ""
        return "\nIts last lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""

    def stop(self) -> None:
        """SIGTERM, and after a while SIGKILL; the data goes with it. Once is enough, twice is fine."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        _remove(self.folder)

    def _new_events(self) -> list[dict[str, Any]]:
        with self._events.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]


def _remove(folder: Path) -> None:
    """A process whose parent was killed ends a moment later, and may make a file until then."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while True:
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() or time.monotonic() > deadline:
            return
        time.sleep(POLL_SECONDS)


def delivered_rows(metrics_port: int) -> int:
    """Rows that a worker process here has written into homes, by its own count. Raises OSError where none answers."""
    return int(metric_sum(metrics_port, DELIVERIES))


def metric_sum(metrics_port: int, name: str) -> float:
    """Of all labels that a process here has for it. Raises OSError where none answers."""
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=SCRAPE_SECONDS) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{"))
