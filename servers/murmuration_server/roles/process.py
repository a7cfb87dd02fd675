"""What a process of any role does: serves and works until it is told to stop, and drains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import grpc
from prometheus_client import start_http_server

from murmuration_server.platform.config import ServerSettings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.reception import Reception
from murmuration_server.platform.runtime import Runtime
from murmuration_server.platform.server import Dispatcher, grpc_server
from murmuration_server.platform.unusable import CannotStart
from murmuration_server.platform.worker import Step, Worker

RECEPTION_SECONDS = 0.1
STOP_STEP_SECONDS = 5.0
REFUSING_SECONDS = 0.2
COME_BACK_SECONDS = 0.5
"""By then whoever was refused knows that this process is gone: its attempts do not all end here."""

NamedStep = tuple[str, Step, float]
"""(name, step, seconds to wait after a run that found nothing)."""


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a process can be reached; 0 where it opens no such port."""

    port: int
    metrics_port: int
    health_port: int = 0


OnReady = Callable[[Ready], None]


@dataclass(frozen=True, slots=True)
class Door:
    """A server of a process, with the step that looks after who comes through it."""

    server: grpc.Server
    reception: NamedStep


def door(
    name: str,
    dispatcher: Dispatcher,
    threads: int,
    settings: ServerSettings,
    runtime: Runtime,
    metrics: Metrics,
    *,
    shares_port: bool = False,
) -> Door:
    reception = Reception(runtime, metrics, settings, threads)
    server = grpc_server(dispatcher, settings, reception, shares_port=shares_port)
    return Door(server, (name, reception, RECEPTION_SECONDS))


def open_for(closing: ExitStack, server: grpc.Server, grace_seconds: float) -> None:
    """Serves until `closing` ends; calls that are under way then may take so long."""
    server.start()
    closing.callback(lambda: server.stop(grace_seconds).wait())


def run_steps(closing: ExitStack, steps: Sequence[NamedStep], runtime: Runtime, metrics: Metrics) -> list[Worker]:
    """Each in a task of its own until `closing` ends."""
    workers = [Worker(name, step, runtime, metrics, idle) for name, step, idle in steps]
    closing.callback(_stop, workers, runtime)
    return workers


def refuse_what_comes(dispatcher: Dispatcher, runtime: Runtime) -> None:
    """gRPC cancels what it has not matched when it stops: calls that are on their way get a clear answer first."""
    dispatcher.drain(COME_BACK_SECONDS)
    runtime.sleep(REFUSING_SECONDS)


def bind(server: grpc.Server, host: str, port: int) -> int:
    """The port that it has got. Raises `CannotStart`."""
    try:
        return server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise CannotStart(f"Cannot listen on {host}:{port}: the port is in use. Choose another with --port.") from error


def serve_metrics(host: str, port: int | None, metrics: Metrics) -> int:
    """The port that it has got; 0 where none is wanted. Raises `CannotStart`."""
    if port is None:
        return 0
    try:
        server, _ = start_http_server(port, addr=host, registry=metrics.registry)
    except (OSError, OverflowError) as error:
        raise CannotStart(
            f"Cannot serve metrics on {host}:{port}: {error}. Choose another with --metrics-port."
        ) from error
    return int(server.server_port)


def _stop(workers: Sequence[Worker], runtime: Runtime) -> None:
    for worker in workers:
        worker.ask_to_stop()
    # For all of them together: who stops a process waits for it.
    end = runtime.monotonic() + STOP_STEP_SECONDS
    for worker in workers:
        worker.join(max(0.0, end - runtime.monotonic()))
