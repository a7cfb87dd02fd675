"""Processes of the roles on a stack: `murmurd serve --role ROLE`, one process or several of each, found by one another.

    with Roles(stack.config, folder, {"timeline": 2}) as roles:
        client = Client(roles.target)
        roles.process("fanout").kill()

To be started from a thread that lives as long as the processes should (tools/stack/process.py:ServerProcess).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.stack.environment import PREFIX, bare_environment, of_tree
from tools.stack.process import ServerProcess, free_port

GATEWAY = "gateway"
PEERS = ("users", "graph", "tweets", "timeline", "admin")
"""The roles that others call."""
WORKERS = ("relay", "fanout")
ROLES = (*PEERS, *WORKERS, GATEWAY)
START_SECONDS = 90.0
"""All of them start at once, and a machine may have two cores."""
HOST = "127.0.0.1"


class RoleProcess(ServerProcess):
    """One `murmurd serve --role`. `start` after `kill` or `stop` comes back on the same port.

    port: where it serves; relay and fanout listen nowhere. Its log has what it said, on stdout too.
    """

    def __init__(
        self, role: str, number: int, port: int, config: Path, folder: Path, settings: Mapping[str, str]
    ) -> None:
        self.role, self.number, self.port = role, number, port
        self._ready_event: dict[str, Any] | None = None
        self._said = 0
        command = [sys.executable, "-m", "murmuration_server", "serve", "--role", role, "--json"]
        chosen = {"SERVER__PORT": str(port), "SERVER__METRICS_PORT": "0", **settings}
        super().__init__(
            f"{role}-{number}",
            [*command, "--config", str(config)],
            folder,
            self._is_ready,
            START_SECONDS,
            bare_environment() | {f"{PREFIX}{key}": value for key, value in chosen.items()},
        )

    @property
    def target(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def metrics_port(self) -> int:
        """Of the process that is there now: each start takes another."""
        assert self._ready_event is not None, f"{self.name} is not ready"
        return int(self._ready_event["metrics_port"])

    @property
    def metrics_url(self) -> str:
        return f"http://{HOST}:{self.metrics_port}/metrics"

    def begin(self) -> None:
        self._ready_event = None
        self._said = self.log.stat().st_size if self.log.exists() else 0
        super().begin()

    def restart(self) -> None:
        """Stopped as an operator stops it, and started again. Raises `ServerFailed`."""
        self.stop()
        self.start()

    def take(self, tree: Path | None) -> None:
        """What runs from the next start on: the version in that checkout; None: the one of this checkout."""
        assert self.environment is not None
        self.environment.pop("PYTHONPATH", None)
        self.environment.update(of_tree(tree) if tree else {})

    def _is_ready(self) -> bool:
        with self.log.open("rb") as log:
            log.seek(self._said)
            whole = log.read()
        for line in whole[: whole.rfind(b"\n") + 1].splitlines():
            # What is logged goes to the same file, and begins with a time.
            if line.startswith(b"{") and (event := json.loads(line))["event"] == "ready":
                self._ready_event = event
        return self._ready_event is not None


class Roles:
    """One process of each role, or as many as `counts` says; 0: none of that role.

    config: that of the stack. folder: for logs. settings: SECTION__KEY to value, for all of them, over the
    configuration.
    """

    def __init__(
        self,
        config: Path,
        folder: Path,
        counts: Mapping[str, int] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        wanted = dict.fromkeys(ROLES, 1) | dict(counts or {})
        assert set(wanted) == set(ROLES), f"roles are {', '.join(ROLES)}"
        ports = {role: [free_port() for _ in range(wanted[role])] for role in (*PEERS, GATEWAY)}
        self.settings = {**_peers(ports), **(settings or {})}
        """Of each of them, and of whoever is to join them."""
        self.folder = folder
        self._processes = {
            role: [
                # A port that is chosen for nobody would only be reported.
                RoleProcess(role, number, ports[role][number] if role in ports else 0, config, folder, self.settings)
                for number in range(wanted[role])
            ]
            for role in ROLES
        }

    def __enter__(self) -> Roles:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __iter__(self) -> Iterator[RoleProcess]:
        return (process for processes in self._processes.values() for process in processes)

    @property
    def target(self) -> str:
        """For callers, as gRPC names targets: every gateway."""
        gateways = [process.target for process in self._processes[GATEWAY]]
        return gateways[0] if len(gateways) == 1 else _target(gateways)

    def process(self, role: str, number: int = 0) -> RoleProcess:
        """To kill, pause, resume, stop, restart, or to ask for its port, log and metrics."""
        return self._processes[role][number]

    def begin(self) -> None:
        """Starts all at once; `await_ready` comes later."""
        for process in self:
            process.begin()

    def await_ready(self) -> None:
        """Returns when each has said that it is ready. Raises `ServerFailed`, with the end of its log."""
        for process in self:
            process.await_ready()

    def start(self) -> None:
        self.begin()
        self.await_ready()

    def stop(self) -> dict[str, int | None]:
        """First the gateways, so that calls under way are answered; then all others at once.

        Answers statuses by name: 0 for whoever ended as it should, None for whoever was never started. Raises nothing.
        """
        gateways = self._processes[GATEWAY]
        _end(gateways)
        _end([process for process in self if process not in gateways])
        return {process.name: process.status for process in self}

    def kill(self) -> None:
        for process in self:
            process.kill()


def _end(processes: list[RoleProcess]) -> None:
    for process in processes:
        process.begin_stop()
    for process in processes:
        process.await_end()


def _peers(ports: Mapping[str, list[int]]) -> dict[str, str]:
    return {
        f"PEERS__{role.upper()}": _target([f"{HOST}:{port}" for port in ports[role]]) for role in PEERS if ports[role]
    }


def _target(addresses: list[str]) -> str:
    return f"ipv4:{','.join(addresses)}"
