"""The channel to a server: its options, in one place, for both kinds of channel."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from murmuration_client.connection import ConnectionSettings
from murmuration_client.service_config import service_config_json

DEFAULT_TARGET = "127.0.0.1:7700"
USUAL_CONNECTION = ConnectionSettings()

ChannelOption = tuple[str, str | int]

# What grpc.intercept_channel takes; grpc has no common base for them.
ClientInterceptor = (
    grpc.UnaryUnaryClientInterceptor
    | grpc.UnaryStreamClientInterceptor
    | grpc.StreamUnaryClientInterceptor
    | grpc.StreamStreamClientInterceptor
)


def channel_options(
    connection: ConnectionSettings = USUAL_CONNECTION, extra: Sequence[ChannelOption] = ()
) -> list[ChannelOption]:
    """The options of a channel, each once; those in `extra` win."""
    options: dict[str, str | int] = {
        "grpc.service_config": service_config_json(connection.max_attempts),
        "grpc.enable_retries": int(connection.max_attempts > 1),
        "grpc.enable_http_proxy": int(connection.web_proxy),
        "grpc.max_receive_message_length": connection.max_receive_bytes,
        "grpc.max_send_message_length": connection.max_send_bytes,
        "grpc.keepalive_time_ms": _ms(connection.keepalive_seconds),
        "grpc.keepalive_timeout_ms": _ms(connection.keepalive_timeout_seconds),
        "grpc.keepalive_permit_without_calls": int(connection.keepalive_without_calls),
        "grpc.initial_reconnect_backoff_ms": _ms(connection.reconnect_initial_seconds),
        "grpc.max_reconnect_backoff_ms": _ms(connection.reconnect_max_seconds),
    }
    options.update(extra)
    return list(options.items())


def open_channel(
    target: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    connection: ConnectionSettings = USUAL_CONNECTION,
    options: Sequence[ChannelOption] = (),
    interceptors: Sequence[ClientInterceptor] = (),
) -> grpc.Channel:
    """A channel to `target` ("host:port", or any gRPC name), plain text without credentials.

    It connects at its first call. interceptors: the first one is the outermost.
    """
    chosen = channel_options(connection, options)
    if credentials is None:
        channel = grpc.insecure_channel(target, options=chosen)
    else:
        channel = grpc.secure_channel(target, credentials, options=chosen)
    return grpc.intercept_channel(channel, *interceptors) if interceptors else channel


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
