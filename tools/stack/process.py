"""One server process: started, waited for, paused, killed, stopped whole. It dies with whoever started it."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PORTS = range(20_000, 32_768)
"""Below those that Linux gives to outgoing connections: a server that was away finds its port free again."""
PORT_TRIES = 1000
_given: deque[int] = deque(maxlen=1000)
"""Ports that nobody may listen on yet."""
POLL_SECONDS = 0.05
STOP_SECONDS = 20.0
LOG_LINES_SHOWN = 15


class Missing(Exception):
    """A program that is needed is not installed; the message says how to install it."""


class ServerFailed(Exception):
    """A server ended, or did not become ready; the message has the end of its log."""


def need(program: str, package: str) -> str:
    """The path of a program. Raises `Missing`, naming the Debian package that has it."""
    found = shutil.which(program)
    if found is None:
        raise Missing(f"{program} is not installed: sudo apt install {package}")
    return found


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on now, and that was not given to somebody in this process a moment ago. Another
    process may take it before it is used: start again then."""
    # Not the module's own source of chance, which tests seed: two processes would choose the same ports.
    chance = random.SystemRandom()
    for _ in range(PORT_TRIES):
        port = chance.choice(PORTS)
        if port not in _given and is_free(host, port):
            _given.append(port)
            return port
    raise ServerFailed(f"{host} has no free port between {PORTS[0]} and {PORTS[-1]}.")


def is_free(host: str, port: int) -> bool:
    """Whether somebody could listen there."""
    try:
        socket.create_server((host, port)).close()
    except OSError:
        return False
    return True


def accepts(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


class ServerProcess:
    """`ready` is asked again and again after a start; `seconds` is how long a start may take.

    To be started from a thread that lives as long as the server should: the kernel kills the server with it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        ready: Callable[[], bool],
        seconds: float,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """environment: all of it, at the next start; that of this process where there is none."""
        self.name, self.folder = name, folder
        self._command, self._ready, self._seconds = list(command), ready, seconds
        self.environment = None if environment is None else dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def status(self) -> int | None:
        """As subprocess has it: minus the signal's number for one that was killed; None while it runs or has not."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Begins, and returns when it is ready. Raises `ServerFailed`."""
        self.begin()
        self.await_ready()

    def begin(self) -> None:
        assert not self.running, f"{self.name} runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [need("setpriv", "util-linux"), "--pdeathsig", "KILL", *self._command]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def await_ready(self) -> None:
        deadline = time.monotonic() + self._seconds
        while not self._ready():
            if not self.running or time.monotonic() > deadline:
                why = f"is not ready after {self._seconds:g} s" if self.running else "ended while it was starting"
                self.kill()
                raise ServerFailed(f"{self.name} {why}; the end of {self.log}:\n{self.last_lines()}")
            time.sleep(POLL_SECONDS)

    def pause(self) -> None:
        """Cut off without dying: connections stay open and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def wait(self, seconds: float) -> int:
        """Its exit status, when it has ended by itself. Raises `subprocess.TimeoutExpired`."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.wait(seconds)

    def kill(self) -> None:
        """At once, as a machine that loses its power."""
        self._signal(signal.SIGKILL)
        self.await_end()

    def stop(self) -> None:
        """Asks it to end, and kills it if it does not."""
        self.begin_stop()
        self.await_end()

    def begin_stop(self) -> None:
        """Asks it to end; `await_end` comes later, so that several may end at once."""
        self._signal(signal.SIGTERM)

    def await_end(self) -> None:
        """Returns once it has ended; kills it if that takes too long."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_lines(self) -> str:
        """The end of its log, for people."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            self._process.send_signal(number)
            self._process.send_signal(signal.SIGCONT)
