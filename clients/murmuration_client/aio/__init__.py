"""The asyncio form of the client; only who imports this pays for it.

async with AsyncClient("127.0.0.1:7700") as client:
    alice = await client.create_user("alice")
"""

from murmuration_client.aio.admin import AsyncAdminCalls
from murmuration_client.aio.client import AsyncClient
from murmuration_client.aio.home_walk import AsyncHomeWalk
from murmuration_client.aio.home_watch import AsyncHomeWatch
from murmuration_client.aio.tokens import AsyncRenewedToken

__all__ = ["AsyncAdminCalls", "AsyncClient", "AsyncHomeWalk", "AsyncHomeWatch", "AsyncRenewedToken"]
