"""`murmurd child`: one process of those that a supervisor starts."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from murmuration_server.cli.common import ConfigOption, log_to_stderr
from murmuration_server.platform.config import load
from murmuration_server.platform.runtime import Event, Runtime, ThreadRuntime
from murmuration_server.platform.unusable import CannotStart
from murmuration_server.roles.parts import EMBEDDED
from murmuration_server.roles.process import OnReady, Ready

Run = Callable[[Runtime, Event, OnReady], None]


def child(
    role: Annotated[str, typer.Option("--role")],
    socket_path: Annotated[str, typer.Option("--socket")],
    link: Annotated[int, typer.Option("--link", help="A connected socket to the supervisor.")],
    config: ConfigOption = None,
) -> None:
    """Runs one process of `murmurd up`, or of `murmurd serve --processes`."""
    supervisor = socket.socket(fileno=link)

    def tell(answer: Mapping[str, object]) -> None:
        supervisor.sendall(json.dumps(answer).encode() + b"\n")

    runtime = ThreadRuntime()
    stop = runtime.event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runtime.spawn("supervisor-watch", lambda: _stop_with_supervisor(supervisor, stop))

    def on_ready(ready: Ready) -> None:
        tell({"port": ready.port, "metrics_port": ready.metrics_port})

    try:
        _runner(role, socket_path, config)(runtime, stop, on_ready)
    except CannotStart as error:
        tell({"error": str(error)})
        raise typer.Exit(1) from error


def _runner(role: str, socket_path: str, config: Path | None) -> Run:
    settings = load(config)
    log_to_stderr(settings, role)
    if role in EMBEDDED:
        from murmuration_server.roles.embedded import run_serving, run_worker

        run = run_serving if role == "serving" else run_worker
        return lambda runtime, stop, on_ready: run(settings, runtime, socket_path, stop, on_ready)
    from murmuration_server.roles.reload import Reloaded
    from murmuration_server.roles.role import run_role

    now = Reloaded(config)
    return lambda runtime, stop, on_ready: run_role(now, runtime, role, stop, on_ready, shares_port=True)


def _stop_with_supervisor(supervisor: socket.socket, stop: Event) -> None:
    """Nothing is ever sent: the end of the stream says that the supervisor has died."""
    try:
        while supervisor.recv(1):
            pass
    except OSError:
        pass
    stop.set()
