"""The bulk import: a stream of bounded messages, users before follows."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import grpc
import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration_client import Client, NotFound
from tests.unit.test_client_support import ScriptedServer, connected, refusal


@pytest.fixture
def pair() -> Iterator[tuple[ScriptedServer, Client]]:
    with connected() as (server, client):
        yield server, client


def test_users_come_before_follows_in_messages_of_bounded_size(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    answer = admin_pb2.ImportGraphResponse(users_created=12_001, follows_created=5_001)
    server.on("ImportGraph", answer)
    users = [(f"u{number}", "x" * 50) for number in range(12_001)]
    follows = [(f"u{number}", "u12000") for number in range(5_001)]
    told: list[tuple[int, int]] = []
    assert client.admin.import_graph(iter(users), iter(follows), progress=lambda *sent: told.append(sent)) == answer

    [messages] = server.requests("ImportGraph")
    assert [(user.handle, user.display_name) for message in messages for user in message.users] == users
    assert [(each.follower_handle, each.followee_handle) for message in messages for each in message.follows] == follows
    assert all(len(message.users) <= 5_000 and len(message.follows) <= 5_000 for message in messages)
    assert all(message.ByteSize() <= 1 << 20 for message in messages)
    assert [bool(message.follows) for message in messages] == sorted(bool(message.follows) for message in messages)
    assert told == sorted(told)
    assert told[-1] == (12_001, 5_001)
    assert len(told) == len(messages)


def test_the_largest_message_fits_the_servers_limit() -> None:
    from murmuration_client.graph_import import FOLLOWS_IN_A_MESSAGE, USERS_IN_A_MESSAGE

    user = admin_pb2.ImportedUser(handle="h" * 15, display_name="\N{GRINNING FACE}" * 50)
    follow = admin_pb2.ImportedFollow(follower_handle="h" * 15, followee_handle="h" * 15)
    assert admin_pb2.ImportGraphRequest(users=[user] * USERS_IN_A_MESSAGE).ByteSize() < 1 << 20
    assert admin_pb2.ImportGraphRequest(follows=[follow] * FOLLOWS_IN_A_MESSAGE).ByteSize() < 1 << 20


def test_an_import_of_nothing(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("ImportGraph", admin_pb2.ImportGraphResponse())
    assert client.admin.import_graph([], []) == admin_pb2.ImportGraphResponse()
    assert server.requests("ImportGraph") == [[]]


def test_a_refused_import(pair: tuple[ScriptedServer, Client]) -> None:
    server, client = pair
    server.on("ImportGraph", refusal(grpc.StatusCode.NOT_FOUND, "ERROR_REASON_USER_NOT_FOUND", "There is no user x."))
    with pytest.raises(NotFound, match="There is no user x"):
        client.admin.import_graph([], [("x", "y")])


def test_what_a_source_raises_reaches_the_caller(
    pair: tuple[ScriptedServer, Client], caplog: pytest.LogCaptureFixture
) -> None:
    server, client = pair
    server.on("ImportGraph", admin_pb2.ImportGraphResponse())

    def broken() -> Iterator[tuple[str, str]]:
        yield "a", "b"
        raise OSError("the disk is gone")

    with caplog.at_level(logging.CRITICAL, logger="grpc._channel"), pytest.raises(OSError, match="the disk is gone"):
        client.admin.import_graph([], broken())
