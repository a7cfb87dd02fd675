"""The channel of the asyncio client: the same options as the other's."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
import grpc.aio

from murmuration_client.channel import ChannelOption, channel_options
from murmuration_client.connection import ConnectionSettings


def open_channel(
    target: str,
    *,
    credentials: grpc.ChannelCredentials | None,
    connection: ConnectionSettings,
    options: Sequence[ChannelOption],
    interceptors: Sequence[grpc.aio.ClientInterceptor],
) -> grpc.aio.Channel:
    """A channel to `target`, plain text without credentials. It connects at its first call."""
    chosen = channel_options(connection, options)
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=chosen, interceptors=list(interceptors))
    return grpc.aio.secure_channel(target, credentials, options=chosen, interceptors=list(interceptors))
