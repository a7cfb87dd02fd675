"""`murmurd health`."""

from __future__ import annotations

import ipaddress
import json
from typing import Annotated, Any

import typer

from murmuration_server.cli.common import MISSING, ConfigOption, fail, load_settings

DEFAULT_SECONDS = 5.0


def health(
    service: Annotated[str, typer.Option("--service", help="`startup`, `live` or `ready`.")] = "ready",
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Where to ask. Default: server.health_port.")
    ] = None,
    config: ConfigOption = None,
    seconds: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.1, help="How long the answer may take.")
    ] = DEFAULT_SECONDS,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Asks a process of `murmurd serve` on this machine how it is, by grpc.health.v1, as Kubernetes does.

    For containers, whose health is a command's exit code: 0 it is so, 1 it is not so or nothing answers. Give it the
    options and variables that `murmurd serve` gets. Of several processes on one port it asks the first; --port asks
    another.

    Example: murmurd health --service live
    """
    server = load_settings(config).server
    asked = port or server.health_port
    if not asked:
        fail("server.health_port is not set, so no process answers. Set it, or name a port with --port.")
    serving = _ask(f"{_reachable(server.host)}:{asked}", service, seconds)
    if as_json:
        typer.echo(json.dumps({"service": service, "serving": serving}))
    else:
        typer.echo(f"{service}: {'yes' if serving else 'no'}")
    raise typer.Exit(0 if serving else 1)


def _reachable(host: str) -> str:
    """The host as a target names it; of this machine, where the server listens on all addresses."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


def _ask(target: str, service: str, seconds: float) -> bool:
    """Whether it is SERVING. Ends the program where there is no such answer."""
    import grpc

    try:
        from grpc_health.v1 import health_pb2, health_pb2_grpc
    except ModuleNotFoundError as error:
        fail(MISSING.format(error.name))
    # Whatever proxy the environment names, it is not between this machine and itself.
    with grpc.insecure_channel(target, options=[("grpc.enable_http_proxy", 0)]) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its stubs name no methods
        try:
            answer = stub.Check(request, timeout=seconds)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                fail(f"{target} knows nothing of `{service}`: ask for startup, live or ready.")
            fail(f"{target} does not answer ({error.code().name}). Is `murmurd serve` running, with this health port?")
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
