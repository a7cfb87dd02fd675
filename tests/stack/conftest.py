"""One stack for all tests but those that start their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.stack.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One node of each kind but three of Memcached. What Cassandra acks is on disk: some tests kill its only node.
    Whoever changes it leaves it as it was."""
    made = Stack(tmp_path_factory.mktemp("stack"), durable=True)
    try:
        made.start()
        yield made
    finally:
        made.stop(kill=True)
