"""One process of a role: opens its files, builds its parts, serves until it is told to stop, and drains."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import grpc
from prometheus_client import start_http_server

from murmuration_server.cache.memory import MemoryCache
from murmuration_server.platform.config import Settings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.reception import Reception
from murmuration_server.platform.runtime import Event, Runtime
from murmuration_server.platform.server import grpc_server
from murmuration_server.platform.sqlite import StoreUnusable
from murmuration_server.platform.worker import Step, Worker
from murmuration_server.roles.embedded import Files
from murmuration_server.roles.serving import ServingPorts, build_serving
from murmuration_server.roles.working import WorkingPorts, build_working

log = logging.getLogger(__name__)

INTERNAL_THREADS = 4
RECEPTION_SECONDS = 0.1
STOP_STEP_SECONDS = 5.0
REFUSING_SECONDS = 0.2
INTERNAL_GRACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a process can be reached; 0 where it opens no such port."""

    port: int
    metrics_port: int


def run_serving(
    settings: Settings, runtime: Runtime, socket: str, stop: Event, on_ready: Callable[[Ready], None]
) -> None:
    """Serves until `stop` is set. `socket`: the path of the internal services' Unix socket."""
    metrics = Metrics()
    with ExitStack() as closing:
        files = Files(settings, runtime, "serving", stop)
        closing.callback(files.close)
        metrics_port = _serve_metrics(settings.server.metrics_port, metrics)
        ports = ServingPorts(
            users=files.users(read_only=False),
            graph=files.graph(read_only=False),
            tweets=files.tweets(read_only=False),
            states=files.home_states(read_only=False),
            leases=files.leases(),
            homes=files.homes(read_only=True),
            log=files.log(read_only=True),
            cache=MemoryCache(runtime, settings.server.cache_bytes),
            keys=files.signing_keys(),
            alone=True,
        )
        serving = build_serving(ports, settings, runtime, metrics, owner=runtime.token(8).hex())
        inside = Reception(runtime, metrics, settings.server, INTERNAL_THREADS)
        internal = grpc_server(serving.internal, settings.server, inside)
        internal.add_insecure_port(f"unix:{socket}")
        outside = Reception(runtime, metrics, settings.server, settings.server.threads)
        public = grpc_server(serving.public, settings.server, outside)
        port = _bind(public, settings.server.host, settings.server.port)
        # From here on things run, and are stopped before what they use is closed.
        internal.start()
        closing.callback(lambda: internal.stop(INTERNAL_GRACE_SECONDS).wait())
        receptions = [("reception-internal", inside, RECEPTION_SECONDS), ("reception", outside, RECEPTION_SECONDS)]
        closing.callback(_stop, _start([*serving.steps, *receptions], runtime, metrics))
        public.start()
        closing.callback(lambda: public.stop(settings.server.drain_seconds).wait())
        on_ready(Ready(port, metrics_port))
        stop.wait()
        serving.public.drain()
        # gRPC cancels what it has not matched when it stops: calls that are on their way get a clear answer first.
        runtime.sleep(REFUSING_SECONDS)


def run_worker(
    settings: Settings, runtime: Runtime, socket: str, stop: Event, on_ready: Callable[[Ready], None]
) -> None:
    """Works until `stop` is set."""
    metrics = Metrics()
    with ExitStack() as closing:
        files = Files(settings, runtime, "worker", stop)
        closing.callback(files.close)
        port = settings.server.metrics_port
        metrics_port = _serve_metrics(port and port + 1, metrics)
        channel = grpc.insecure_channel(f"unix:{socket}", options=[("grpc.max_reconnect_backoff_ms", 500)])
        closing.callback(channel.close)
        ports = WorkingPorts(
            homes=files.homes(read_only=False),
            log=files.log(read_only=False),
            users=files.users(read_only=True),
            graph=files.graph(read_only=True),
            tweets=files.tweets(read_only=True),
            states=files.home_states(read_only=True),
        )
        working = build_working(ports, settings, runtime, metrics, channel)
        closing.callback(_stop, _start(working.steps, runtime, metrics))
        on_ready(Ready(0, metrics_port))
        stop.wait()


def _start(steps: Sequence[tuple[str, Step, float]], runtime: Runtime, metrics: Metrics) -> list[Worker]:
    return [Worker(name, step, runtime, metrics, idle) for name, step, idle in steps]


def _stop(workers: Sequence[Worker]) -> None:
    for worker in workers:
        worker.ask_to_stop()
    for worker in workers:
        worker.join(STOP_STEP_SECONDS)


def _bind(server: grpc.Server, host: str, port: int) -> int:
    try:
        return server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise StoreUnusable(
            f"Cannot listen on {host}:{port}: the port is in use. Choose another with --port."
        ) from error


def _serve_metrics(port: int | None, metrics: Metrics) -> int:
    if port is None:
        return 0
    try:
        server, _ = start_http_server(port, addr="127.0.0.1", registry=metrics.registry)
    except (OSError, OverflowError) as error:
        raise StoreUnusable(
            f"Cannot serve metrics on 127.0.0.1:{port}: {error}. Choose another with --metrics-port."
        ) from error
    return int(server.server_port)
