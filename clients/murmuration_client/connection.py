"""How a channel behaves: keepalive, sizes, reconnecting, attempts."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024

# gRPC itself makes no more attempts than this, whatever a service config says (gRFC A6).
MOST_ATTEMPTS = 5

# The server's `grpc.http2.min_ping_interval_without_data_ms`: who pings more often is disconnected (ENHANCE_YOUR_CALM).
LEAST_KEEPALIVE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """Of one channel. Times in seconds, sizes in bytes. Raises ValueError for what cannot be.

    keepalive_seconds: how often a ping is sent over a silent connection; at least 5, which is what the server allows.
    keepalive_timeout_seconds: how long a ping's answer may take before the connection counts as broken.
    keepalive_without_calls: whether to ping also while no call is under way, so that a broken connection is found
        before the next call needs it.
    max_receive_bytes: the largest answer taken. 200 posts with four media descriptions of the greatest length each are
        about 5 MB.
    max_send_bytes: the largest request sent; the server takes 4 MiB.
    reconnect_initial_seconds, reconnect_max_seconds: the first and the longest pause between attempts to connect.
    max_attempts: how often a call that meets UNAVAILABLE is made, the first time included: 1 (never again) to 5.
    web_proxy: whether the variables for web proxies (http_proxy and the like) count. A proxy for the web does not lead
        to a server of one's own, least of all on loopback.
    """

    keepalive_seconds: float = 30.0
    keepalive_timeout_seconds: float = 10.0
    keepalive_without_calls: bool = False
    max_receive_bytes: int = 16 * MIB
    max_send_bytes: int = 4 * MIB
    reconnect_initial_seconds: float = 0.1
    reconnect_max_seconds: float = 2.0
    max_attempts: int = 4
    web_proxy: bool = False

    def __post_init__(self) -> None:
        if not self.keepalive_seconds >= LEAST_KEEPALIVE_SECONDS:
            raise ValueError(
                f"keepalive_seconds must be at least {LEAST_KEEPALIVE_SECONDS:g}: the server allows no more"
            )
        for name in ("keepalive_timeout_seconds", "max_receive_bytes", "max_send_bytes", "reconnect_initial_seconds"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        if not self.reconnect_initial_seconds <= self.reconnect_max_seconds:
            raise ValueError("reconnect_max_seconds must not be less than reconnect_initial_seconds")
        if not 1 <= self.max_attempts <= MOST_ATTEMPTS:
            raise ValueError(f"max_attempts must be from 1 to {MOST_ATTEMPTS}: gRPC makes no more")
