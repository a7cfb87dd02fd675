"""Health of a process, as grpc.health.v1 on a port of its own: what Kubernetes asks before it sends calls, or restarts.

Three questions with three answers. `startup`: has it begun? `live`: does it still work, or should it be begun anew?
`ready`: may calls be sent to it? A database or a cache that is away changes none of them: beginning anew mends nothing,
and whoever is called answers for himself.
"""

from __future__ import annotations

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from murmuration_server.platform.call import Call
from murmuration_server.platform.server import plain_server
from murmuration_server.platform.worker import Worker

STARTUP, LIVE, READY = "startup", "live", "ready"
THREADS = 2
STUCK_SECONDS = 300.0
"""A step has a deadline of half a minute. One that has not come back after ten of them never will."""
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """Everything is NOT_SERVING until `begun`. A step: `run_once` looks whether workers come back."""

    def __init__(self) -> None:
        self._servicer = health.HealthServicer()
        self._workers: tuple[Worker, ...] = ()
        for service in (STARTUP, LIVE, READY, ""):
            self._servicer.set(service, _NOT_SERVING)
        # Alive from the beginning: what takes long to begin is not to be begun anew for it.
        self._servicer.set(LIVE, _SERVING)

    def server(self) -> grpc.Server:
        """Not started, without a port."""
        server = plain_server(THREADS, "health")
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)
        return server

    def begun(self, workers: tuple[Worker, ...]) -> None:
        self._workers = workers
        for service in (STARTUP, READY, ""):
            self._servicer.set(service, _SERVING)

    def ending(self) -> None:
        """No more calls, please; those under way are answered."""
        for service in (READY, ""):
            self._servicer.set(service, _NOT_SERVING)

    def run_once(self, call: Call) -> bool:  # noqa: ARG002 - a step's signature; this one waits for nothing
        stuck = any(worker.busy_seconds() > STUCK_SECONDS for worker in self._workers)
        self._servicer.set(LIVE, _NOT_SERVING if stuck else _SERVING)
        return False
