"""A bearer token that is fetched when it is needed, and a trace that goes along with each call.

The server of this release reads the trace and not the token; a proxy in front of it may read both.

python clients/examples/tokens_and_traces.py [HOST:PORT]
"""

from __future__ import annotations

import secrets
import sys

from murmuration_client import Client, RenewedToken

LIFE_SECONDS = 300.0


def fetch() -> tuple[str, float]:
    """Where a token comes from: here out of thin air, elsewhere from an identity provider. And how long it is good."""
    print("a token is fetched")
    return secrets.token_urlsafe(32), LIFE_SECONDS


def traceparent() -> str:
    """The W3C traceparent of the span around the call; a tracer has one, here it is made up."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


target = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:7700"
with Client(target, token=RenewedToken(fetch), traceparent=traceparent) as client:
    user = client.create_user(f"traced_{secrets.token_hex(3)}")
    for _ in range(3):
        client.get_user(user.user_id)
print("four calls, one token")
