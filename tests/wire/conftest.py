"""One server that loses patience soon, and around each test: the others undisturbed, nothing left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from murmuration.v1 import tweet_pb2, user_pb2
from tests.process.running import Api, Server
from tests.wire.neighbour import Neighbour
from tests.wire.process import Process

PEER_WAIT_SECONDS = 1.0
MAX_IDLE_SECONDS = 2.0
MAX_CONNECTIONS = 300
MAX_STREAMS = 100
MAX_WAITING = 128
SETTINGS = {
    "server.peer_wait_ms": int(PEER_WAIT_SECONDS * 1000),
    "server.max_idle_seconds": MAX_IDLE_SECONDS,
    "server.max_connections": MAX_CONNECTIONS,
    "server.max_streams_per_connection": MAX_STREAMS,
    "server.max_waiting_calls": MAX_WAITING,
}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("wire") / "data", SETTINGS) as running:
        yield running


@pytest.fixture(scope="session")
def port(server: Server) -> int:
    return int(server.ready["port"])


@pytest.fixture(scope="session")
def api(server: Server) -> Iterator[Api]:
    with Api(server.target) as opened:
        yield opened


@pytest.fixture(scope="session")
def author(api: Api) -> int:
    user: int = api.call("users.CreateUser", user_pb2.CreateUserRequest(handle="author")).user.user_id
    api.call("tweets.CreateTweet", tweet_pb2.CreateTweetRequest(text="Here I am"), user)
    return user


@pytest.fixture(scope="session")
def process(server: Server, author: int) -> Process:
    """The serving process, which has opened by now all that it opens for ordinary calls."""
    serving = Process(server.pids["serving"])
    with Neighbour(server.target, author, callers=16) as crowd:
        crowd.has_called(100)
    return serving


@pytest.fixture(autouse=True)
def nothing_left_behind(process: Process, server: Server) -> Iterator[None]:
    before = process.footprint()
    yield
    process.returns_to(before)
    assert server.pids["serving"] == process.pid


@pytest.fixture(autouse=True)
def undisturbed(process: Process, server: Server, author: int) -> Iterator[Neighbour]:
    """Somebody who reads all the while, and to whom nothing happens."""
    with Neighbour(server.target, author) as neighbour:
        neighbour.has_called(3)
        yield neighbour
        neighbour.has_called(3)
    neighbour.was_served()
