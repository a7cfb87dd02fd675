"""Real Memcached nodes for tests marked `stack`: started when the first test asks, ended with the run."""

from __future__ import annotations

import atexit
import functools
import tempfile
from pathlib import Path

from tools.stack.memcached import Memcached, start_memcached

NODES = 3


@functools.cache
def memcached_nodes() -> tuple[Memcached, ...]:
    """Shared by all tests of this process. What a test leaves there no other sees: generations are drawn at random."""
    folder = tempfile.TemporaryDirectory(prefix="murmuration-memcached-")
    nodes = start_memcached(NODES, Path(folder.name))

    def end() -> None:
        for node in nodes:
            node.kill()
        folder.cleanup()

    atexit.register(end)
    return tuple(nodes)
