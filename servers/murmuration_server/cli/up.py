"""`murmurd up`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from murmuration_server.cli.common import ConfigOption, DataOption, fail, load_settings
from murmuration_server.cli.config.faults import address_fault
from murmuration_server.platform.config import Settings
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.roles.parts import EMBEDDED
from murmuration_server.roles.supervisor import Plan, StartFailed, Supervisor, child_environment, ports_of

DEFAULT_METRICS_PORT = 7701


def up(
    data: DataOption = None,
    port: Annotated[int | None, typer.Option("--port", help="Where to serve; 0: any. Default: 7700.")] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", help="Of the serving process; the worker's is the next; 0: any. Default: 7701."),
    ] = None,
    config: ConfigOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Say events as JSON, one a line.")] = False,
) -> None:
    """Starts the whole system on this machine: one serving process, one worker, data in one folder.

    Stops on Ctrl-C or SIGTERM: calls under way are answered first.
    """
    environment = child_environment(data, port, metrics_port)
    os.environ.update(environment)
    settings = load_settings(config)
    if (fault := address_fault(settings)) is not None:
        fail(f"{fault.what} {fault.mend}")
    first = settings.server.metrics_port
    first = DEFAULT_METRICS_PORT if first is None else first
    # The serving process stops first, so that what it acks is still relayed and delivered as far as time allows.
    plans = [Plan(role, ("--role", role), ports_of(number, metrics_port=first)) for number, role in enumerate(EMBEDDED)]
    supervisor = Supervisor(plans, environment, config, ThreadRuntime(), _sayer(settings, as_json))
    try:
        raise typer.Exit(supervisor.run())
    except StartFailed as error:
        fail(str(error))


def _sayer(settings: Settings, as_json: bool) -> Callable[[Mapping[str, object]], None]:
    def say(event: Mapping[str, object]) -> None:
        if as_json:
            line = json.dumps(event)
        elif event["event"] == "ready":
            host = settings.server.host
            target = f"[{host}]:{event['port']}" if ":" in host else f"{host}:{event['port']}"
            line = f"Murmuration serves on {target}, data in {settings.data}.\n  murmur --target {target} --help"
        elif event["event"] == "restarted":
            line = f"The {event['role']} process had died (status {event['status']}); it runs again."
        else:
            line = "Stopping: calls under way are answered first."
        print(line, flush=True)

    return say
