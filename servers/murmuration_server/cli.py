"""`murmurd`, the operator's program."""

from __future__ import annotations

import ipaddress
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from murmuration_server.platform.config import ConfigError, Settings, load
from murmuration_server.platform.runtime import Event, ThreadRuntime
from murmuration_server.platform.sqlite import StoreUnusable
from murmuration_server.roles.supervisor import StartFailed, Supervisor, child_environment

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Runs Murmuration. Begin with `murmurd up`, then use `murmur` to post, follow and read; `murmurd demo` shows "
    "what the system does in a minute.",
)

DEFAULT_METRICS_PORT = 7701
ConfigOption = Annotated[Path | None, typer.Option("--config", help="A TOML file; see docs/configuration.md.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="The data folder. Default: ./murmuration-data.")]


@app.command()
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
    settings = _load(config)
    _refuse_other_addresses(settings)
    if settings.server.metrics_port is None:
        environment["MURMURATION_SERVER__METRICS_PORT"] = str(DEFAULT_METRICS_PORT)
    supervisor = Supervisor(environment, config, ThreadRuntime(), _sayer(settings, as_json))
    try:
        raise typer.Exit(supervisor.run())
    except StartFailed as error:
        _fail(str(error))


@app.command(hidden=True)
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
        settings = _load(config)
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


@app.command()
def demo(
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Repeats a run. Default: random.")] = None,
    graph: Annotated[
        Path | None, typer.Option("--graph", help="Lines of follower<TAB>followee, plain or gzip.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running at the end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Only 2,000 followers.")] = False,
) -> None:
    """Shows in a minute what the system does, and that it is right: a real graph, a celebrity, a crash."""
    from murmuration_server.demo.run import Options, run_demo

    raise typer.Exit(run_demo(Options(seed=seed, graph=graph, keep=keep, as_json=as_json, quick=quick)))


@app.command()
def version() -> None:
    """Prints the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("murmuration"))


def _stop_with_supervisor(supervisor: socket.socket, stop: Event) -> None:
    """Nothing is ever sent: the end of the stream says that the supervisor has died."""
    try:
        while supervisor.recv(1):
            pass
    except OSError:
        pass
    stop.set()


def _load(config: Path | None) -> Settings:
    try:
        return load(config)
    except ConfigError as error:
        _fail(str(error))


def _refuse_other_addresses(settings: Settings) -> None:
    host = settings.server.host
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        _fail(
            f"server.host is {host}, but callers name themselves and are believed, so only addresses of this machine "
            "are served until authentication exists. Set it to 127.0.0.1, or leave it out."
        )


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


def _fail(message: str) -> NoReturn:
    print(f"murmurd: {message}", file=sys.stderr)
    raise typer.Exit(1)


def main() -> None:
    app()
