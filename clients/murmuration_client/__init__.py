"""The typed client of Murmuration.

with Client("127.0.0.1:7700") as client:
    alice = client.create_user("alice")
    client.acting_as(alice.user_id).create_tweet("Hello")
"""

from murmuration_client.admin import AdminCalls
from murmuration_client.client import Client
from murmuration_client.errors import (
    ActorRequired,
    AlreadyExists,
    Cancelled,
    DeadlineExceeded,
    InternalError,
    InvalidArgument,
    LimitReached,
    MurmurationError,
    NoServer,
    NotAllowed,
    NotFound,
    Overloaded,
    Unavailable,
)
from murmuration_client.timeline import HomeWalk

__all__ = [
    "ActorRequired",
    "AdminCalls",
    "AlreadyExists",
    "Cancelled",
    "Client",
    "DeadlineExceeded",
    "HomeWalk",
    "InternalError",
    "InvalidArgument",
    "LimitReached",
    "MurmurationError",
    "NoServer",
    "NotAllowed",
    "NotFound",
    "Overloaded",
    "Unavailable",
]
