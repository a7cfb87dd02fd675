"""Several processes started together, begun again if one dies, stopped together."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from murmuration_server.platform.runtime import Runtime

READY_SECONDS = 30.0
KILL_AFTER_SECONDS = 20.0
RESTART_PAUSE_SECONDS = 0.2
LISTEN_SECONDS = 0.1
MAX_FAST_RESTARTS = 5
FAST_SECONDS = 5.0


class StartFailed(Exception):
    """A process did not become ready; the message is what it said."""


@dataclass(frozen=True)
class Plan:
    """One process: `arguments` of `murmurd child`, `environment` over the supervisor's own."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class _Child:
    plan: Plan
    process: subprocess.Popen[bytes]
    link: socket.socket
    started: float
    ready: Mapping[str, int]

    def hear(self) -> None:
        """What the process says when it is ready, or why it cannot start. Raises `StartFailed`."""
        line = self.link.makefile().readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": f"The {self.plan.name} process did not start."}
        if "error" in answer:
            raise StartFailed(answer["error"])
        self.ready = answer


class Supervisor:
    """Stops the processes of `plans` in their order. `say` is told each event: {"event": "ready" | "restarted" |
    "stopping", ...}."""

    def __init__(
        self,
        plans: Sequence[Plan],
        environment: Mapping[str, str],
        config: Path | None,
        runtime: Runtime,
        say: Callable[[Mapping[str, object]], None],
    ) -> None:
        self._plans, self._environment, self._config, self._say = list(plans), dict(environment), config, say
        self._folder = Path(tempfile.mkdtemp(prefix="murmurd-"))
        self._children: dict[str, _Child] = {}
        self._ports: dict[str, int] = {}
        self._runtime, self._stopping = runtime, runtime.event()
        self._fast_restarts = 0

    def run(self) -> int:
        """Until SIGTERM or SIGINT. Answers an exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        try:
            self._start_all()
            return self._watch()
        finally:
            self._stop_all()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stopping.set()

    def _start_all(self) -> None:
        # All at once: they may need what another one makes.
        self._await_ready([self._begin(plan) for plan in self._plans])
        if self._stopping.is_set():
            return
        children = [self._children[plan.name] for plan in self._plans]
        self._say(
            {
                "event": "ready",
                "port": next((port for child in children if (port := child.ready["port"])), 0),
                "metrics_ports": [child.ready["metrics_port"] for child in children],
                "pids": {child.plan.name: child.process.pid for child in children},
            }
        )

    def _begin(self, plan: Plan) -> _Child:
        mine, theirs = socket.socketpair()
        command = [sys.executable, "-m", "murmuration_server", "child", *plan.arguments]
        command += ["--socket", str(self._folder / "internal.sock"), "--link", str(theirs.fileno())]
        if self._config is not None:
            command += ["--config", str(self._config)]
        environment = {**self._environment, **plan.environment}
        if port := self._ports.get(plan.name):
            # Callers hold on to the port that they were told.
            environment["MURMURATION_SERVER__PORT"] = str(port)
        process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        child = _Child(plan, process, mine, self._runtime.monotonic(), {})
        self._children[plan.name] = child
        return child

    def _await_ready(self, begun: Sequence[_Child]) -> None:
        """Listens to all at once: whoever cannot start says so before the others stop waiting for him."""
        deadline = self._runtime.monotonic() + READY_SECONDS
        waiting = {child.link: child for child in begun}
        while waiting and not self._stopping.is_set():
            heard, _, _ = select.select(list(waiting), [], [], LISTEN_SECONDS)
            for link in heard:
                child = waiting.pop(link)
                child.hear()
                self._ports[child.plan.name] = child.ready["port"]
            if self._runtime.monotonic() >= deadline:
                names = " and ".join(child.plan.name for child in waiting.values())
                raise StartFailed(f"The {names} process did not start within {READY_SECONDS:.0f} seconds.")

    def _watch(self) -> int:
        while not self._stopping.wait(0.1):
            for child in list(self._children.values()):
                if child.process.poll() is not None and not self._stopping.is_set():
                    self._restart(child)
        return 0

    def _restart(self, dead: _Child) -> None:
        fast = self._runtime.monotonic() - dead.started < FAST_SECONDS
        self._fast_restarts = self._fast_restarts + 1 if fast else 0
        if self._fast_restarts > MAX_FAST_RESTARTS:
            raise StartFailed(f"The {dead.plan.name} process dies again and again (status {dead.process.returncode}).")
        dead.link.close()
        self._stopping.wait(RESTART_PAUSE_SECONDS)
        child = self._begin(dead.plan)
        self._await_ready([child])
        if self._stopping.is_set():
            return
        self._say(
            {
                "event": "restarted",
                "role": dead.plan.name,
                "pid": child.process.pid,
                "metrics_port": child.ready["metrics_port"],
                "status": dead.process.returncode,
            }
        )

    def _stop_all(self) -> None:
        if any(child.ready for child in self._children.values()):
            self._say({"event": "stopping"})
        for plan in self._plans:
            child = self._children.get(plan.name)
            if child is None:
                continue
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
                try:
                    child.process.wait(KILL_AFTER_SECONDS)
                except subprocess.TimeoutExpired:
                    child.process.kill()
                    child.process.wait()
            child.link.close()


def child_environment(data: Path | None, port: int | None, metrics_port: int | None) -> dict[str, str]:
    """This process's environment with what the command line says about the configuration."""
    environment = dict(os.environ)
    chosen = {"DATA": data, "SERVER__PORT": port, "SERVER__METRICS_PORT": metrics_port}
    # Its errors come with ours, in words that say what to do.
    environment.setdefault("GRPC_VERBOSITY", "NONE")
    environment.update({f"MURMURATION_{key}": str(value) for key, value in chosen.items() if value is not None})
    return environment


def ports_of(number: int, **first: int | None) -> dict[str, str]:
    """Variables for the process of that number, from 0: each port so much above the first one's. 0 is any port for
    all of them, None none."""
    return {
        f"MURMURATION_SERVER__{name.upper()}": str(port and port + number)
        for name, port in first.items()
        if port is not None
    }
