"""`murmurd serve`: processes of one role, on the distributed engine."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from murmuration_server.cli.common import MISSING, ConfigOption, fail, load_settings, log_to_stderr
from murmuration_server.cli.config.faults import address_fault
from murmuration_server.platform.config import Settings
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.unusable import CannotStart
from murmuration_server.roles.parts import ROLES
from murmuration_server.roles.supervisor import Plan, StartFailed, Supervisor, child_environment, ports_of

ROLE_HELP = f"What these processes do: {', '.join(ROLES)}."


def serve(
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help=ROLE_HELP)],
    processes: Annotated[
        int, typer.Option("--processes", min=1, max=64, help="How many, on one port; the kernel spreads connections.")
    ] = 1,
    port: Annotated[int | None, typer.Option("--port", help="Where to serve; 0: any. Default: 7700.")] = None,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", help="Of the first process; 0: any. Default: none.")
    ] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say events as JSON, one a line.")] = False,
) -> None:
    """Runs one role of the system over CQL, Kafka and Memcached; run as many of each role as you need, anywhere.

    `gateway` is for callers: it hands their calls on. `users`, `graph`, `tweets`, `timeline` and `admin` each serve a
    part of the API, and find each other by `peers` in the settings. `relay` brings what was written to the log;
    `fanout` brings posts into homes. `all` is everything in one process. Run `murmurd migrate` first. On SIGTERM it
    stops taking calls, answers those under way and ends.

    Example: murmurd serve --role timeline --config murmuration.toml
    """
    if role not in ROLES:
        fail(f"There is no role {role}; there are {', '.join(ROLES)}.")
    environment = child_environment(None, port, metrics_port)
    os.environ.update(environment)
    settings = load_settings(config)
    if (fault := address_fault(settings)) is not None:
        fail(f"{fault.what} {fault.mend}")
    if processes > 1:
        raise typer.Exit(_supervise(role, processes, environment, settings, config, as_json))
    _run(role, settings, config, as_json)


def _run(role: str, settings: Settings, config: Path | None, as_json: bool) -> None:
    log_to_stderr(settings, role)
    try:
        from murmuration_server.roles.process import Ready
        from murmuration_server.roles.reload import Reloaded
        from murmuration_server.roles.role import run_role
    except ModuleNotFoundError as error:
        fail(MISSING.format(error.name))
    runtime = ThreadRuntime()
    stop = runtime.event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    def on_ready(ready: Ready) -> None:
        event = {
            "event": "ready",
            "role": role,
            "pid": os.getpid(),
            "port": ready.port,
            "metrics_port": ready.metrics_port,
            "health_port": ready.health_port,
        }
        _say(event, role, settings, as_json)

    try:
        run_role(Reloaded(config), runtime, role, stop, on_ready)
    except CannotStart as error:
        fail(str(error))


def _supervise(
    role: str, processes: int, environment: dict[str, str], settings: Settings, config: Path | None, as_json: bool
) -> int:
    server = settings.server
    with socket.socket(socket.AF_INET6 if ":" in server.host else socket.AF_INET) as held:
        # Bound and never listened to: it keeps the port for the processes, and takes no connection from them.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            held.bind((server.host, server.port))
        except OSError as error:
            fail(f"Cannot listen on {server.host}:{server.port}: {error.strerror}. Choose another with --port.")
        environment["MURMURATION_SERVER__PORT"] = str(held.getsockname()[1])
        plans = [
            Plan(
                f"{role}-{number}",
                ("--role", role),
                ports_of(number, metrics_port=server.metrics_port, health_port=server.health_port),
            )
            for number in range(processes)
        ]

        def say(event: Mapping[str, object]) -> None:
            _say(event, role, settings, as_json)

        try:
            return Supervisor(plans, environment, config, ThreadRuntime(), say).run()
        except StartFailed as error:
            fail(str(error))


def _say(event: Mapping[str, object], role: str, settings: Settings, as_json: bool) -> None:
    if as_json:
        line = json.dumps(event)
    elif event["event"] == "ready":
        where = f" on {settings.server.host}:{event['port']}" if event["port"] else ""
        line = f"The role {role} runs{where}."
    elif event["event"] == "restarted":
        line = f"The {event['role']} process had died (status {event['status']}); it runs again."
    else:
        line = "Stopping: calls under way are answered first."
    print(line, flush=True)
