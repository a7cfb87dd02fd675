"""The gRPC service config that the channel carries: which calls are tried again, and how.

Every method may be tried again: reads and relation changes are idempotent by nature, creations because their request_id
is in the request, so each attempt of a call carries the same one.
"""

from __future__ import annotations

import json
from typing import Any

SERVICES = (
    "murmuration.v1.UserService",
    "murmuration.v1.TweetService",
    "murmuration.v1.GraphService",
    "murmuration.v1.TimelineService",
    "murmuration.admin.v1.AdminService",
)

INITIAL_BACKOFF_SECONDS = 0.05
MAX_BACKOFF_SECONDS = 1.0
BACKOFF_MULTIPLIER = 3  # with the figures above: waits of 0.05, 0.15 and 0.45 s, each within 20%

# A token bucket per server: an attempt that fails takes a token, a success gives TOKEN_RATIO back, and below half of
# MAX_TOKENS nothing is tried again. So a server that is down gets each call once, not four times (gRFC A6).
MAX_TOKENS = 100
TOKEN_RATIO = 0.1


def service_config(max_attempts: int) -> dict[str, Any]:
    """The config as a dict in the JSON form of grpc.service_config.ServiceConfig.

    max_attempts: of a call, the first one included; with 1 there is no retry policy, since gRPC takes none below 2.
    """
    config: dict[str, Any] = {
        # Every address of a name gets its share of the calls; with one address it is that one.
        "loadBalancingConfig": [{"round_robin": {}}],
        "retryThrottling": {"maxTokens": MAX_TOKENS, "tokenRatio": TOKEN_RATIO},
    }
    if max_attempts > 1:
        config["methodConfig"] = [
            {
                "name": [{"service": service} for service in SERVICES],
                "retryPolicy": {
                    "maxAttempts": max_attempts,
                    "initialBackoff": f"{INITIAL_BACKOFF_SECONDS}s",
                    "maxBackoff": f"{MAX_BACKOFF_SECONDS}s",
                    "backoffMultiplier": BACKOFF_MULTIPLIER,
                    # gRPC cancels what a server that stops has not begun. What the caller cancels is not tried again.
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ]
    return config


def service_config_json(max_attempts: int) -> str:
    """The config as the channel option `grpc.service_config` takes it."""
    return json.dumps(service_config(max_attempts))
