"""One process of a role on the distributed engine. Any number of them may run, on any machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

import grpc

from murmuration_server.platform.call import Call
from murmuration_server.platform.channels import RoutedChannel, open_channel
from murmuration_server.platform.config import Settings
from murmuration_server.platform.inprocess import InProcessChannel
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import Event, Runtime
from murmuration_server.platform.server import Dispatcher
from murmuration_server.roles.engine import StoppedEarly, open_engine
from murmuration_server.roles.gateway import build_gateway
from murmuration_server.roles.health import Health
from murmuration_server.roles.parts import ALL, GATEWAY, ROLES, SERVING, WORKING, callees, internal_routes
from murmuration_server.roles.process import (
    NamedStep,
    OnReady,
    Ready,
    bind,
    door,
    open_for,
    refuse_what_comes,
    run_steps,
    serve_metrics,
)
from murmuration_server.roles.serving import build_serving
from murmuration_server.roles.working import build_working

START_SECONDS = 60.0
"""How long servers below that do not answer are waited for."""
HEALTH_SECONDS = 1.0


def run_role(
    settings: Callable[[], Settings],
    runtime: Runtime,
    role: str,
    stop: Event,
    on_ready: OnReady,
    *,
    shares_port: bool = False,
) -> None:
    """Runs until `stop` is set, also while it waits for servers below. `settings`: as of now; only cache nodes are
    asked for again. `shares_port`: with other processes of the role on this machine.

    Raises `CannotStart`.
    """
    now, metrics = settings(), Metrics()
    with ExitStack() as closing:
        health = Health()
        health_port = _serve_health(closing, health, now)
        metrics_port = serve_metrics(now.server.host, now.server.metrics_port, metrics)
        try:
            dispatcher, steps = _build(settings, runtime, metrics, role, closing, stop)
        except StoppedEarly:
            return
        port = 0
        if dispatcher is not None:
            public = door(
                "reception", dispatcher, now.server.threads, now.server, runtime, metrics, shares_port=shares_port
            )
            port = bind(public.server, now.server.host, now.server.port)
            steps = [*steps, public.reception]
        workers = run_steps(closing, steps, runtime, metrics)
        run_steps(closing, [("health", health, HEALTH_SECONDS)], runtime, metrics)
        if dispatcher is not None:
            open_for(closing, public.server, now.server.drain_seconds)
        health.begun(tuple(workers))
        on_ready(Ready(port, metrics_port, health_port))
        stop.wait()
        health.ending()
        if dispatcher is not None:
            refuse_what_comes(dispatcher, runtime)


def _build(
    settings: Callable[[], Settings], runtime: Runtime, metrics: Metrics, role: str, closing: ExitStack, stop: Event
) -> tuple[Dispatcher | None, list[NamedStep]]:
    """What the role serves, if anything, and what it does besides."""
    now, parts = settings(), ROLES[role]
    peers = _peers(now, role, closing)
    if role == GATEWAY:
        return build_gateway(peers, now.server, runtime, metrics), []
    owner = f"{role}-{runtime.token(8).hex()}"
    engine = open_engine(settings, runtime, metrics, owner, Call.background(runtime, START_SECONDS), closing, stop)
    steps = engine.steps()
    dispatcher, ways = None, peers
    serves, works = ([part for part in parts if part in side] for side in (SERVING, WORKING))
    if serves:
        serving = build_serving(engine.serving_ports(), now, runtime, metrics, owner, serves, peers)
        steps += serving.steps
        dispatcher = Dispatcher(runtime, metrics, now.server)
        dispatcher.include(serving.public)
        if role != ALL:
            # Other roles call those.
            dispatcher.include(serving.internal)
        ways = {**peers, **dict.fromkeys(serves, InProcessChannel(serving.internal))}
    if works:
        channel = RoutedChannel(internal_routes(ways))
        steps += build_working(engine.working_ports(), now, runtime, metrics, channel, works).steps
    return dispatcher, steps


def _peers(settings: Settings, role: str, closing: ExitStack) -> Mapping[str, grpc.Channel]:
    targets: dict[str, str] = settings.peers.model_dump()
    # Callers' calls may not all be made twice; whoever calls tries again, by his request_id.
    channels = {name: open_channel(targets[name], settings.server, retried=role != GATEWAY) for name in callees(role)}
    for channel in channels.values():
        closing.callback(channel.close)
    return channels


def _serve_health(closing: ExitStack, health: Health, settings: Settings) -> int:
    if settings.server.health_port is None:
        return 0
    server = health.server()
    port = bind(server, settings.server.host, settings.server.health_port)
    open_for(closing, server, 0.0)
    return port
