"""The typed client of Murmuration.

with Client("127.0.0.1:7700") as client:
    alice = client.create_user("alice")
    client.acting_as(alice.user_id).create_tweet("Hello")

`murmuration_client.aio.AsyncClient` is the same for asyncio. docs/client.md says the rest.
"""

from murmuration_client.admin import AdminCalls
from murmuration_client.client import Client
from murmuration_client.connection import ConnectionSettings
from murmuration_client.errors import (
    ActorRequired,
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    InternalError,
    InvalidArgument,
    LimitReached,
    MurmurationError,
    NoServer,
    NotAllowed,
    NotFound,
    NotVisible,
    Overloaded,
    Unavailable,
)
from murmuration_client.home_walk import HomeWalk
from murmuration_client.home_watch import HomeWatch
from murmuration_client.tokens import RenewedToken

__all__ = [
    "ActorRequired",
    "AdminCalls",
    "AlreadyExists",
    "Cancelled",
    "Client",
    "ConnectionSettings",
    "DeadlineExceeded",
    "FailedPrecondition",
    "HomeWalk",
    "HomeWatch",
    "InternalError",
    "InvalidArgument",
    "LimitReached",
    "MurmurationError",
    "NoServer",
    "NotAllowed",
    "NotFound",
    "NotVisible",
    "Overloaded",
    "RenewedToken",
    "Unavailable",
]
