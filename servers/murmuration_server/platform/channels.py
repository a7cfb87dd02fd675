"""Ways to services of other processes, and the one channel that knows for each method which way it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import grpc

from murmuration_server.platform.config import ServerSettings

KEEPALIVE_MS = 20_000
KEEPALIVE_TIMEOUT_MS = 5_000
MAX_RECONNECT_MS = 500
"""A process that was begun anew is found again so soon."""
RETRIES = 4

# Internal methods may all be called twice: they read, or repair, or go by versions. What callers call may not.
_RETRY = {
    "maxAttempts": RETRIES,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    # A process that stops has calls cancelled that it has not begun.
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
}


def open_channel(target: str, settings: ServerSettings, *, retried: bool) -> grpc.Channel:
    """To all processes that the target names, in turns; connects when it is first used. `retried`: whether a call that
    one of them refuses, or that is lost with one, is tried again on the next."""
    method_config: dict[str, Any] = {"name": [{}]}
    if retried:
        method_config["retryPolicy"] = _RETRY
    service_config = {"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [method_config]}
    return grpc.insecure_channel(
        target,
        options=[
            ("grpc.service_config", json.dumps(service_config)),
            ("grpc.enable_retries", int(retried)),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
            ("grpc.initial_reconnect_backoff_ms", 100),
            # How long one attempt to connect may take, whatever its name says.
            ("grpc.min_reconnect_backoff_ms", 2000),
            ("grpc.max_reconnect_backoff_ms", MAX_RECONNECT_MS),
            ("grpc.dns_min_time_between_resolutions_ms", 1000),
            ("grpc.max_receive_message_length", settings.max_message_bytes),
            ("grpc.max_metadata_size", settings.max_metadata_bytes),
            # Each process has connections of its own, also where several targets share an address.
            ("grpc.use_local_subchannel_pool", 1),
        ],
    )


class RoutedChannel(grpc.Channel):
    """Unary calls of generated stubs, each over the channel of its service. `routes`: by the service's full name."""

    def __init__(self, routes: Mapping[str, grpc.Channel]) -> None:
        self._routes = dict(routes)

    def unary_unary(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        _registered_method: bool | None = False,
    ) -> Any:
        channel = self._routes.get(method.split("/")[1])
        if channel is None:
            return _Nowhere(method)
        return channel.unary_unary(method, request_serializer, response_deserializer)

    def unary_stream(self, *_args: Any, **_options: Any) -> Any:
        return _unsupported

    def stream_unary(self, *_args: Any, **_options: Any) -> Any:
        return _unsupported

    def stream_stream(self, *_args: Any, **_options: Any) -> Any:
        return _unsupported

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:
        """Whoever wants to know asks the channels."""

    def unsubscribe(self, callback: Any) -> None:
        """See `subscribe`."""

    def close(self) -> None:
        """The channels belong to who made them."""

    def __enter__(self) -> RoutedChannel:
        return self

    def __exit__(self, *_details: object) -> None:
        self.close()


class _Nowhere:
    """Stubs are made of whole services; of some a process calls nothing."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __call__(self, *_args: Any, **_options: Any) -> Any:
        raise TypeError(f"{self._method} is not among the calls of this process's parts (roles/parts.py)")


def _unsupported(*_args: object, **_options: object) -> Any:
    raise TypeError("internal services have unary calls only")
