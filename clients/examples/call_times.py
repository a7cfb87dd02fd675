"""An interceptor of one's own: the time of each call, attempts and all. It works as grpc's interceptors do.

python clients/examples/call_times.py [HOST:PORT]
"""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

import grpc

from murmuration_client import Client, ConnectionSettings, MurmurationError


class CallTimes(grpc.UnaryUnaryClientInterceptor):
    """report: called with the method's name, its status and the seconds that it took."""

    def __init__(self, report: Callable[[str, str, float], None]) -> None:
        self._report = report

    def intercept_unary_unary(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        begun = time.perf_counter()
        outcome = continuation(details, request)  # For a blocking call: when it is done.
        self._report(details.method.rpartition("/")[2], outcome.code().name, time.perf_counter() - begun)
        return outcome


def report(method: str, status: str, seconds: float) -> None:
    print(f"{method} {status} {'in time' if seconds < 5 else 'late'}")


target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7700"
connection = ConnectionSettings(keepalive_seconds=20, keepalive_without_calls=True, max_attempts=2)
with Client(target, connection=connection, interceptors=[CallTimes(report)]) as client:
    user = client.create_user(f"timed_{secrets.token_hex(3)}")
    try:
        client.get_tweet(user.user_id)
    except MurmurationError as error:
        print(error.reason)
