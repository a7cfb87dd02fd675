"""The client: the methods of all services, for one actor, over one channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import grpc

from murmuration_client.admin import AdminCalls
from murmuration_client.caller import Caller
from murmuration_client.channel import (
    DEFAULT_TARGET,
    USUAL_CONNECTION,
    ChannelOption,
    ClientInterceptor,
    open_channel,
)
from murmuration_client.connection import ConnectionSettings
from murmuration_client.graph import GraphCalls
from murmuration_client.operation import Stubs
from murmuration_client.terms import DEFAULT_TIMEOUT_SECONDS, Terms, check_token_is_safe, new_request_id
from murmuration_client.timeline import TimelineCalls
from murmuration_client.tweets import TweetCalls
from murmuration_client.users import UserCalls


class Client(UserCalls, TweetCalls, GraphCalls, TimelineCalls):
    """A typed client of Murmuration. Thread-safe; make one per process and server, and close it.

        with Client("127.0.0.1:7700") as client:
            alice = client.create_user("alice", "Alice")
            client.acting_as(alice.user_id).create_tweet("Hello")

    Methods answer the generated messages of murmuration.v1 and raise MurmurationError. A call that meets UNAVAILABLE is
    made up to four times; creations carry a request_id, so no attempt has a second effect. Nothing connects before the
    first call.

    target: "host:port", or any gRPC name. actor_id: the user for whom calls act. timeout: seconds for each call, all
    attempts together. credentials: for TLS; without them the channel is plain text. connection: keepalive, sizes,
    attempts. options: further channel options, which win.
    token: called for each call, answers a bearer token; see `tokens.py:RenewedToken`. Over a network only with
    credentials. traceparent: called for each call, answers the W3C traceparent of the span around it, or None.
    interceptors: grpc's, the first one outermost; each sees a call once, whatever its attempts.
    new_request_id: makes the request ids (UUIDs). Raises ValueError for what cannot be.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        actor_id: int | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
        connection: ConnectionSettings = USUAL_CONNECTION,
        options: Sequence[ChannelOption] = (),
        token: Callable[[], str] | None = None,
        traceparent: Callable[[], str | None] | None = None,
        interceptors: Sequence[ClientInterceptor] = (),
        new_request_id: Callable[[], str] = new_request_id,
    ) -> None:
        terms = Terms(target, actor_id, timeout, new_request_id, traceparent)
        check_token_is_safe(target, token, credentials)
        channel = open_channel(
            target, credentials=credentials, connection=connection, options=options, interceptors=interceptors
        )
        super().__init__(Caller(terms, Stubs(channel), token))
        self._channel: grpc.Channel | None = channel

    @property
    def target(self) -> str:
        """Where the server is, as it was given."""
        return self._caller.terms.target

    @property
    def actor_id(self) -> int | None:
        """The user for whom calls act, or None."""
        return self._caller.terms.actor_id

    @property
    def admin(self) -> AdminCalls:
        """Operators' calls, with the same actor, timeout and channel."""
        return AdminCalls(self._caller)

    def acting_as(self, user_id: int) -> Client:
        """A client that acts for this user over the same channel. Cheap; needs no closing."""
        return self._view(actor_id=user_id)

    def with_timeout(self, seconds: float) -> Client:
        """A client with another timeout over the same channel. Cheap; needs no closing."""
        return self._view(timeout=seconds)

    def close(self) -> None:
        """Closes the channel and so every view of it; calls under way raise Cancelled. On a view: does nothing."""
        if self._channel is not None:
            self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _view(self, **changes: Any) -> Client:
        view = object.__new__(type(self))
        view._caller = self._caller.on_terms(**changes)
        view._channel = None
        return view
