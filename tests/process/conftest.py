"""Real processes for tests: one that a session shares, and as many of its own as a test wants."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from murmuration_client import Client
from tests.process.running import Server

_names = itertools.count()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server of the test's own, in a folder of its own or in one given. Stopped at the end, nothing left."""
    with ExitStack() as stack:

        def begin(data: Path | None = None, *options: str, **settings: object) -> Server:
            folder = data or tmp_path / f"data{next(_names)}"
            sections = {key.replace("__", "."): value for key, value in settings.items()}
            return stack.enter_context(Server(folder, sections, *options))

        yield begin


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Shared: a test leaves it as it was but for users and posts of its own."""
    with Server(tmp_path_factory.mktemp("murmurd") / "data") as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with server.client() as opened:
        yield opened


@pytest.fixture
def connect() -> Iterator[Callable[[Server], Client]]:
    """Opens clients that are closed at the end of the test."""
    with ExitStack() as stack:
        yield lambda running: stack.enter_context(running.client())
