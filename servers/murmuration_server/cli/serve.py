"""`murmurd serve`: one process of those that `murmurd up` starts."""

from __future__ import annotations

import json
import logging
import signal
import socket
from collections.abc import Mapping
from typing import Annotated

import typer

from murmuration_server.cli.common import ConfigOption, load_settings
from murmuration_server.platform.config import ConfigError
from murmuration_server.platform.runtime import Event, ThreadRuntime
from murmuration_server.platform.sqlite import StoreUnusable


def serve(
    role: Annotated[str, typer.Option("--role")],
    socket_path: Annotated[str, typer.Option("--socket")],
    link: Annotated[int, typer.Option("--link", help="A connected socket to the supervisor.")],
    config: ConfigOption = None,
) -> None:
    """Runs one process of `murmurd up`."""
    from murmuration_server.roles.process import Ready, run_serving, run_worker

    supervisor = socket.socket(fileno=link)

    def tell(answer: Mapping[str, object]) -> None:
        supervisor.sendall(json.dumps(answer).encode() + b"\n")

    runtime = ThreadRuntime()
    stop = runtime.event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    runtime.spawn("supervisor-watch", lambda: _stop_with_supervisor(supervisor, stop))
    try:
        settings = load_settings(config)
        logging.basicConfig(
            level=settings.log_level.upper(), format=f"%(asctime)s {role} %(levelname)s %(name)s: %(message)s"
        )
        run = run_serving if role == "serving" else run_worker

        def on_ready(ready: Ready) -> None:
            tell({"port": ready.port, "metrics_port": ready.metrics_port})

        run(settings, runtime, socket_path, stop, on_ready)
    except (StoreUnusable, ConfigError) as error:
        tell({"error": str(error)})
        raise typer.Exit(1) from error


def _stop_with_supervisor(supervisor: socket.socket, stop: Event) -> None:
    """Nothing is ever sent: the end of the stream says that the supervisor has died."""
    try:
        while supervisor.recv(1):
            pass
    except OSError:
        pass
    stop.set()
