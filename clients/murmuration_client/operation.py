"""A call that is not made yet; whoever has a channel of either kind can make it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import grpc

from murmuration.admin.v1.admin_pb2_grpc import AdminServiceStub
from murmuration.v1.graph_pb2_grpc import GraphServiceStub
from murmuration.v1.timeline_pb2_grpc import TimelineServiceStub
from murmuration.v1.tweet_pb2_grpc import TweetServiceStub
from murmuration.v1.user_pb2_grpc import UserServiceStub

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_Answer_co = TypeVar("_Answer_co", covariant=True)
_Answer = TypeVar("_Answer")


class Stubs:
    """The generated stubs over one channel, made once.

    Over a channel of grpc.aio each method answers something to await; to say so is left to `aio/caller.py`.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        self.users = UserServiceStub(channel)
        self.tweets = TweetServiceStub(channel)
        self.graph = GraphServiceStub(channel)
        self.timeline = TimelineServiceStub(channel)
        self.admin = AdminServiceStub(channel)


@dataclass(frozen=True, slots=True)
class Operation(Generic[_Answer_co]):
    """A unary call. method: where it is among the stubs. answer: makes of the response what the caller gets."""

    method: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[Any, Any]]
    request: Any
    answer: Callable[[Any], _Answer_co]


def unary(
    method: Callable[[Stubs], grpc.UnaryUnaryMultiCallable[_Request, _Response]],
    request: _Request,
    answer: Callable[[_Response], _Answer],
) -> Operation[_Answer]:
    """An operation whose method, request and answer fit each other: mypy sees it here."""
    return Operation(method, request, answer)


def whole(response: _Response) -> _Response:
    """The answer is the response as it is."""
    return response


def nothing(response: object) -> None:
    """The response says no more than that the call succeeded."""
