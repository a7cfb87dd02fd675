"""A real Kafka broker for tests marked `stack`: started when the first test asks, ended with the run."""

from __future__ import annotations

import atexit
import functools
import tempfile
from pathlib import Path

from tools.stack.kafka import Kafka


@functools.cache
def kafka_broker() -> Kafka:
    """Shared by all tests of this process, which take topics of their own."""
    folder = tempfile.TemporaryDirectory(prefix="murmuration-kafka-")
    broker = Kafka(Path(folder.name))
    broker.start()

    def end() -> None:
        broker.kill()
        folder.cleanup()

    atexit.register(end)
    return broker
