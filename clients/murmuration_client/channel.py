"""The channel to a server: its options, in one place."""

from __future__ import annotations

from collections.abc import Sequence

import grpc

from murmuration_client.service_config import service_config_json

DEFAULT_TARGET = "127.0.0.1:7700"

# 200 posts, each with four media descriptions of the greatest length, are about 5 MB.
MAX_RECEIVE_BYTES = 16 * 1024 * 1024
MAX_SEND_BYTES = 4 * 1024 * 1024

# Pings go out only while a call is open. A server must allow them this often
# (`grpc.http2.min_ping_interval_without_data_ms`), or it closes connections with long silent calls.
KEEPALIVE_MS = 30_000
KEEPALIVE_TIMEOUT_MS = 10_000

RECONNECT_INITIAL_MS = 100
RECONNECT_MAX_MS = 2_000

ChannelOption = tuple[str, str | int]


def channel_options(extra: Sequence[ChannelOption] = ()) -> list[ChannelOption]:
    """The options of every channel, each once; those in `extra` win."""
    options: dict[str, str | int] = {
        "grpc.service_config": service_config_json(),
        "grpc.enable_retries": 1,
        # A proxy for the web (http_proxy) does not lead to a server of one's own, least of all on loopback.
        "grpc.enable_http_proxy": 0,
        "grpc.max_receive_message_length": MAX_RECEIVE_BYTES,
        "grpc.max_send_message_length": MAX_SEND_BYTES,
        "grpc.keepalive_time_ms": KEEPALIVE_MS,
        "grpc.keepalive_timeout_ms": KEEPALIVE_TIMEOUT_MS,
        "grpc.keepalive_permit_without_calls": 0,
        "grpc.initial_reconnect_backoff_ms": RECONNECT_INITIAL_MS,
        "grpc.max_reconnect_backoff_ms": RECONNECT_MAX_MS,
    }
    options.update(extra)
    return list(options.items())


def open_channel(
    target: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    options: Sequence[ChannelOption] = (),
) -> grpc.Channel:
    """A channel to `target` ("host:port", or any gRPC name), plain text without credentials.

    It connects at its first call. Raises ValueError for an empty target.
    """
    if not target:
        raise ValueError("target must name a server, for example 127.0.0.1:7700")
    if credentials is None:
        return grpc.insecure_channel(target, options=channel_options(options))
    return grpc.secure_channel(target, credentials, options=channel_options(options))
