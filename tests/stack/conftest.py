"""One stack for a module, and one town on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tools.stack.stack import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One node of each kind but three of Memcached. What Cassandra acks is on disk: some tests kill its only node."""
    made = Stack(tmp_path_factory.mktemp("stack"), durable=True)
    try:
        made.start()
        yield made
    finally:
        made.stop(kill=True)
