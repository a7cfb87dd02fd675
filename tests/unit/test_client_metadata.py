"""Tokens, traces, interceptors, and how a channel is set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from murmuration.v1 import user_pb2
from murmuration_client import Client, ConnectionSettings, RenewedToken, Unavailable
from murmuration_client.channel import channel_options
from murmuration_client.loopback import is_loopback
from murmuration_client.tokens import RENEW_AT
from tests.unit.test_client_aio import with_client
from tests.unit.test_client_calls import UNAVAILABLE
from tests.unit.test_client_support import connected, serving

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
FOUND = user_pb2.GetUserResponse(user=user_pb2.User(user_id=7))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_asked_for_at_each_call_and_never_kept() -> None:
    tokens = iter(["one", "two"])
    with connected(token=lambda: next(tokens)) as (server, client):
        server.on("GetUser", FOUND)
        client.get_user(7)
        client.acting_as(1).get_user(7)
        assert [each.metadata["authorization"] for each in server.received["GetUser"]] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("target", "here"),
    [
        ("127.0.0.1:7700", True),
        ("127.9.9.9:1", True),
        ("localhost:7700", True),
        ("localhost", True),
        ("[::1]:7700", True),
        ("::1", True),
        ("dns:///localhost:7700", True),
        ("dns:localhost:7700", True),
        ("ipv4:127.0.0.1:1,127.0.0.2:2", True),
        ("ipv6:[::1]:7700", True),
        ("unix:/run/murmur.sock", True),
        ("unix-abstract:murmur", True),
        ("10.0.0.1:7700", False),
        ("murmur.example.org:443", False),
        ("localhost.example.org:7700", False),
        ("dns://192.0.2.1/localhost:7700", False),
        ("dns:///murmur.example.org", False),
        ("ipv4:127.0.0.1:1,10.0.0.1:2", False),
        ("[2001:db8::1]:7700", False),
        ("0.0.0.0:7700", False),
        ("127.0.0.1.example.org:7700", False),
    ],
)
def test_a_token_goes_over_a_network_only_with_credentials(target: str, here: bool) -> None:
    assert is_loopback(target) is here
    if here:
        Client(target, token=lambda: "t").close()
    else:
        with pytest.raises(ValueError, match="plain text"):
            Client(target, token=lambda: "t")
    Client(target, token=lambda: "t", credentials=grpc.ssl_channel_credentials()).close()


def test_a_renewed_token_is_fetched_again_before_it_ends() -> None:
    clock, fetched = Clock(), []

    def fetch() -> tuple[str, float]:
        fetched.append(clock.now)
        return f"t{len(fetched)}", 100

    token = RenewedToken(fetch, clock)
    assert [token(), token()] == ["t1", "t1"]
    clock.now = 100 * RENEW_AT - 1
    assert token() == "t1"
    clock.now = 100 * RENEW_AT
    assert token() == "t2"
    assert fetched == [0, 80]


def test_a_good_token_outlives_a_failed_renewal_and_a_bad_one_does_not() -> None:
    clock, answers = Clock(), iter([("t", 100.0)])
    token = RenewedToken(lambda: next(answers), clock)
    assert token() == "t"
    clock.now = 99
    assert token() == "t"
    clock.now = 100
    with pytest.raises(StopIteration):
        token()


@pytest.mark.parametrize("answer", [("", 60.0), ("t", 0.0), ("t", float("nan"))])
def test_a_source_must_answer_a_good_token(answer: tuple[str, float]) -> None:
    with pytest.raises(ValueError, match="must answer a token"):
        RenewedToken(lambda: answer)()


def test_the_trace_goes_along_where_there_is_one() -> None:
    traces = iter([TRACE, None, ""])
    with connected(traceparent=lambda: next(traces)) as (server, client):
        server.on("GetUser", FOUND)
        for _ in range(3):
            client.get_user(7)
        assert [each.metadata.get("traceparent") for each in server.received["GetUser"]] == [TRACE, None, None]


@pytest.mark.parametrize(
    "trace",
    ["x", TRACE.upper(), TRACE[:-1], TRACE.replace("b7ad6b7169203331", "0" * 16), f"ff{TRACE[2:]}", f"{TRACE}\n"],
)
def test_what_is_no_trace_is_refused(trace: str) -> None:
    with connected(traceparent=lambda: trace) as (server, client):
        server.on("GetUser", FOUND)
        with pytest.raises(ValueError, match="traceparent"):
            client.get_user(7)
        assert server.requests("GetUser") == []


class Noting(grpc.UnaryUnaryClientInterceptor):
    def __init__(self, name: str, notes: list[str]) -> None:
        self._name, self._notes = name, notes

    def intercept_unary_unary(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        self._notes.append(
            f"{self._name} {details.method.rpartition('/')[2]} {dict(details.metadata)['murmuration-actor-id']}"
        )
        return continuation(details, request)


class NotingAio(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, notes: list[str]) -> None:
        self._notes = notes

    async def intercept_unary_unary(self, continuation: Callable[[Any, Any], Any], details: Any, request: Any) -> Any:
        self._notes.append(details.method if isinstance(details.method, str) else details.method.decode())
        return await continuation(details, request)


def test_interceptors_see_a_call_once_whatever_its_attempts() -> None:
    notes: list[str] = []
    with connected(actor_id=5, interceptors=[Noting("outer", notes), Noting("inner", notes)]) as (server, client):
        server.on("GetUser", UNAVAILABLE, UNAVAILABLE, FOUND)
        assert client.get_user(7) == FOUND.user
        server.on("DeleteTweet", UNAVAILABLE)
        with pytest.raises(Unavailable):
            client.delete_tweet(9)
    assert notes == ["outer GetUser 5", "inner GetUser 5", "outer DeleteTweet 5", "inner DeleteTweet 5"]


def test_interceptors_of_the_asyncio_client() -> None:
    notes: list[str] = []
    with serving() as server:
        server.on("GetUser", UNAVAILABLE, FOUND)
        assert with_client(server, lambda client: client.get_user(7), interceptors=[NotingAio(notes)]) == FOUND.user
        server.on("GetUser", UNAVAILABLE)
        with pytest.raises(Unavailable):
            with_client(server, lambda client: client.get_user(7), interceptors=[NotingAio(notes)])
    assert notes == ["/murmuration.v1.UserService/GetUser"] * 2


def test_connection_settings_become_channel_options() -> None:
    options = dict(
        channel_options(ConnectionSettings(keepalive_seconds=7.5, keepalive_without_calls=True, web_proxy=True))
    )
    assert options["grpc.keepalive_time_ms"] == 7_500
    assert options["grpc.keepalive_permit_without_calls"] == 1
    assert options["grpc.enable_http_proxy"] == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"keepalive_seconds": 4.9},
        {"keepalive_seconds": float("nan")},
        {"keepalive_timeout_seconds": 0},
        {"max_receive_bytes": 0},
        {"reconnect_initial_seconds": 3.0},
        {"max_attempts": 0},
        {"max_attempts": 6},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_impossible_settings_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"|".join(wrong)):
        ConnectionSettings(**wrong)


def test_attempts_follow_the_setting() -> None:
    for attempts in (1, 2):
        with connected(connection=ConnectionSettings(max_attempts=attempts)) as (server, client):
            server.on("GetUser", UNAVAILABLE)
            with pytest.raises(Unavailable):
                client.get_user(7)
            assert len(server.requests("GetUser")) == attempts
