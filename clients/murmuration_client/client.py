"""The client: the methods of all services, for one actor, over one channel."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import TracebackType

import grpc

from murmuration_client.admin import AdminCalls
from murmuration_client.caller import Caller, Stubs
from murmuration_client.channel import DEFAULT_TARGET, ChannelOption, open_channel
from murmuration_client.graph import GraphCalls
from murmuration_client.timeline import TimelineCalls
from murmuration_client.tweets import TweetCalls
from murmuration_client.users import UserCalls

DEFAULT_TIMEOUT_SECONDS = 5.0


def _new_request_id() -> str:
    return str(uuid.uuid4())


class Client(UserCalls, TweetCalls, GraphCalls, TimelineCalls):
    """A typed client of Murmuration. Thread-safe; make one per process and server, and close it.

        with Client("127.0.0.1:7700") as client:
            alice = client.create_user("alice", "Alice")
            client.acting_as(alice.user_id).create_tweet("Hello")

    Methods answer the generated messages of murmuration.v1 and raise MurmurationError. A call that meets UNAVAILABLE is
    made up to four times; creations carry a request_id, so no attempt has a second effect. Nothing connects before the
    first call.

    target: "host:port", or any gRPC name. actor_id: the user for whom calls act. timeout: seconds for each call, all
    attempts together. credentials: for TLS; without them the channel is plain text. options: further channel options.
    new_request_id: makes the request ids (UUIDs).
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        actor_id: int | None = None,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        credentials: grpc.ChannelCredentials | None = None,
        options: Sequence[ChannelOption] = (),
        new_request_id: Callable[[], str] = _new_request_id,
    ) -> None:
        channel = open_channel(target, credentials=credentials, options=options)
        super().__init__(Caller(target, Stubs(channel), actor_id, timeout, new_request_id))
        self._channel: grpc.Channel | None = channel

    @property
    def target(self) -> str:
        return self._caller.target

    @property
    def actor_id(self) -> int | None:
        return self._caller.actor_id

    @property
    def admin(self) -> AdminCalls:
        """Operators' calls, with the same actor, timeout and channel."""
        return AdminCalls(self._caller)

    def acting_as(self, user_id: int) -> Client:
        """A client that acts for this user over the same channel. Cheap; needs no closing."""
        return self._view(replace(self._caller, actor_id=user_id))

    def with_timeout(self, seconds: float) -> Client:
        """A client with another timeout over the same channel. Cheap; needs no closing."""
        return self._view(replace(self._caller, timeout=seconds))

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

    def _view(self, caller: Caller) -> Client:
        view = object.__new__(type(self))
        view._caller = caller
        view._channel = None
        return view
