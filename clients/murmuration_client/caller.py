"""How a call is made: for whom, by when, over which channel. The methods of every service go through here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import grpc

from murmuration.admin.v1.admin_pb2_grpc import AdminServiceStub
from murmuration.v1.graph_pb2_grpc import GraphServiceStub
from murmuration.v1.timeline_pb2_grpc import TimelineServiceStub
from murmuration.v1.tweet_pb2_grpc import TweetServiceStub
from murmuration.v1.user_pb2_grpc import UserServiceStub
from murmuration_client.status import from_rpc

ACTOR_METADATA = "murmuration-actor-id"
MAX_ID = 2**63 - 1
MAX_TIMEOUT_SECONDS = 24 * 60 * 60.0
MAX_BATCH = 200  # ids in one BatchGet call

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Item = TypeVar("_Item")


class Stubs:
    """The generated stubs over one channel, made once."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.users = UserServiceStub(channel)
        self.tweets = TweetServiceStub(channel)
        self.graph = GraphServiceStub(channel)
        self.timeline = TimelineServiceStub(channel)
        self.admin = AdminServiceStub(channel)


@dataclass(frozen=True, slots=True)
class Caller:
    """Everything a call needs but its method and its request.

    actor_id: the user for whom calls act, or None. timeout: seconds, for a call with all its attempts.
    Raises ValueError for an actor_id or a timeout out of range.
    """

    target: str
    stubs: Stubs
    actor_id: int | None
    timeout: float
    new_request_id: Callable[[], str]

    def __post_init__(self) -> None:
        if self.actor_id is not None and not 0 < self.actor_id <= MAX_ID:
            raise ValueError(f"actor_id must be from 1 to 2^63-1, not {self.actor_id}")
        if not 0 < self.timeout <= MAX_TIMEOUT_SECONDS:
            raise ValueError(f"timeout must be above 0 and at most {MAX_TIMEOUT_SECONDS:g} s, not {self.timeout}")

    def metadata(self) -> tuple[tuple[str, str], ...]:
        return () if self.actor_id is None else ((ACTOR_METADATA, str(self.actor_id)),)

    def call(self, method: grpc.UnaryUnaryMultiCallable[_Request, _Response], request: _Request) -> _Response:
        """Makes a unary call with actor and deadline; raises MurmurationError."""
        try:
            return method(request, timeout=self.timeout, metadata=self.metadata())
        except grpc.RpcError as error:
            raise from_rpc(error, self.target, self.timeout) from error


class Calls:
    """Base of the classes that hold a service's methods."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller


def in_batches(items: Iterable[_Item], size: int) -> Iterator[list[_Item]]:
    """Lists of `size` items, the last one shorter; itertools.batched for Python 3.11."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
