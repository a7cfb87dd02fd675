"""One server for all tests of bad inputs, and one whose memory is short; people of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.inputs.people import People, met
from tests.process.running import Api, Server

SHORT_MS = 400


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("inputs") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def forgetful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Remembers request_ids and takes cursors for so long only."""
    settings = {"tweets.request_id_ms": SHORT_MS, "timeline.cursor_age_ms": SHORT_MS}
    with Server(tmp_path_factory.mktemp("forgetful") / "data", settings) as running:
        yield running


@pytest.fixture(scope="session")
def api(server: Server) -> Iterator[Api]:
    with Api(server.target) as opened:
        yield opened


@pytest.fixture(scope="session")
def people(api: Api) -> People:
    """Shared: refusals leave nothing behind, and what is posted besides does no harm."""
    return met(api)
