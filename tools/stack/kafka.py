"""One Kafka broker that is its own controller (KRaft), data in a folder of its own."""

from __future__ import annotations

import base64
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from tools.stack.maven import jars, java
from tools.stack.process import ServerFailed, ServerProcess, accepts, free_port

COORDINATES = ("org.apache.kafka:kafka_2.13:4.1.0", "org.slf4j:slf4j-simple:1.7.36")
HEAP_MEGABYTES = 512
DIRECT_MEGABYTES = 128
_MEMORY = ("-Xms256m", f"-Xmx{HEAP_MEGABYTES}m", f"-XX:MaxDirectMemorySize={DIRECT_MEGABYTES}m")
START_SECONDS = 240.0
FORMAT_SECONDS = 60.0
ANSWER_SECONDS = 2.0

_LOOPBACK = "127.0.0.1"
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    # One broker holds the one copy of everything, the offsets of groups too.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    # A first member need not wait for others that might come.
    "group.initial.rebalance.delay.ms": "0",
    # So that tests need not wait long for a member that has died.
    "group.min.session.timeout.ms": "1000",
    # A broker that comes back is let in when its old session has ended; 9 s would be the default.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    # Topics come from our settings, and never from a typing error.
    "auto.create.topics.enable": "false",
}


class Kafka(ServerProcess):
    """`settings` go before the ones above. After `kill` or `stop`, `start` goes on with the same data and port."""

    def __init__(self, folder: Path, port: int = 0, settings: Mapping[str, str] | None = None) -> None:
        """Raises `Missing` where Java or the jars are not there and cannot be fetched."""
        self.port = port or free_port()
        self._settings = _SETTINGS | self._listeners(free_port()) | {"log.dirs": str(folder / "data")}
        self._settings |= settings or {}
        self._classpath = f"{jars(COORDINATES)}/*"
        command = [java(), *_MEMORY, "-cp", self._classpath, "kafka.Kafka", str(folder / "server.properties")]
        super().__init__("kafka", command, folder, self._answers, START_SECONDS)

    @property
    def address(self) -> str:
        return f"{_LOOPBACK}:{self.port}"

    def begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        properties = self.folder / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in self._settings.items()))
        if not (self.folder / "data" / "meta.properties").is_file():
            self._format(properties)
        super().begin()

    def _listeners(self, controller_port: int) -> dict[str, str]:
        return {
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{_LOOPBACK}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.voters": f"1@{_LOOPBACK}:{controller_port}",
        }

    def _format(self, properties: Path) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # With "=", since one in 64 of these begins with a hyphen.
        tool = [java(), "-cp", self._classpath, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
        done = subprocess.run(
            [*tool, "-c", str(properties)], capture_output=True, text=True, timeout=FORMAT_SECONDS, check=False
        )
        if done.returncode != 0:
            raise ServerFailed(f"kafka could not format {self.folder}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")

    def _answers(self) -> bool:
        """Whether a client gets an answer: the port is open a while before."""
        if not accepts(_LOOPBACK, self.port):
            return False
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        # Each try with a new client: one that was refused waits longer and longer before it comes again.
        client = AdminClient({"bootstrap.servers": self.address, "log_level": 0})
        try:
            return bool(client.list_topics(timeout=ANSWER_SECONDS).brokers)
        except KafkaException:
            return False
