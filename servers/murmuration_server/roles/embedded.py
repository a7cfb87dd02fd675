"""The two processes of `murmurd up`: one serves, one works; their stores are files, a socket is between them."""

from __future__ import annotations

from contextlib import ExitStack

import grpc

from murmuration_server.cache.memory import MemoryCache
from murmuration_server.platform.config import Settings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Event, Runtime
from murmuration_server.roles.files import Files
from murmuration_server.roles.process import (
    OnReady,
    Ready,
    bind,
    door,
    open_for,
    refuse_what_comes,
    run_steps,
    serve_metrics,
)
from murmuration_server.roles.serving import ServingPorts, build_serving
from murmuration_server.roles.working import WorkingPorts, build_working

INTERNAL_THREADS = 4
INTERNAL_GRACE_SECONDS = 1.0


def run_serving(settings: Settings, runtime: Runtime, socket: str, stop: Event, on_ready: OnReady) -> None:
    """Serves until `stop` is set. `socket`: the path of the internal services' Unix socket."""
    metrics, server = Metrics(), settings.server
    with ExitStack() as closing:
        files = Files(settings, runtime, "serving", stop)
        closing.callback(files.close)
        metrics_port = serve_metrics(server.host, server.metrics_port, metrics)
        ports = ServingPorts(
            users=files.users(read_only=False),
            graph=files.graph(read_only=False),
            tweets=files.tweets(read_only=False),
            states=files.home_states(read_only=False),
            leases=files.leases(),
            homes=files.homes(read_only=True),
            log=files.log(read_only=True),
            cache=MemoryCache(runtime, server.cache_bytes),
            keys=files.signing_keys(),
            placement=files.placement(),
            alone=True,
        )
        serving = build_serving(ports, settings, runtime, metrics, owner=runtime.token(8).hex())
        internal = door("reception-internal", serving.internal, INTERNAL_THREADS, server, runtime, metrics)
        internal.server.add_insecure_port(f"unix:{socket}")
        public = door("reception", serving.public, server.threads, server, runtime, metrics)
        port = bind(public.server, server.host, server.port)
        # From here on things run, and are stopped before what they use is closed.
        open_for(closing, internal.server, INTERNAL_GRACE_SECONDS)
        run_steps(closing, [*serving.steps, internal.reception, public.reception], runtime, metrics)
        open_for(closing, public.server, server.drain_seconds)
        on_ready(Ready(port, metrics_port))
        stop.wait()
        refuse_what_comes(serving.public, runtime)


def run_worker(settings: Settings, runtime: Runtime, socket: str, stop: Event, on_ready: OnReady) -> None:
    """Works until `stop` is set."""
    metrics = Metrics()
    with ExitStack() as closing:
        files = Files(settings, runtime, "worker", stop)
        closing.callback(files.close)
        metrics_port = serve_metrics(settings.server.host, settings.server.metrics_port, metrics)
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
        run_steps(closing, working.steps, runtime, metrics)
        on_ready(Ready(0, metrics_port))
        stop.wait()
