"""Servers and disks of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.process.running import Server


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Starts `murmurd up` on a folder; it is stopped at the end, before what the test mounted is gone."""
    with ExitStack() as stack:
        yield lambda data, **settings: stack.enter_context(
            Server(data, {key.replace("__", "."): value for key, value in settings.items()})
        )
