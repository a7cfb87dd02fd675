"""The servers of a whole system on loopback: Cassandra, Kafka, Memcached, and the configuration that names them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.stack import cassandra, memcached
from tools.stack import kafka as kafka_server
from tools.stack.cassandra import DATACENTER, cluster
from tools.stack.environment import bare_environment, of_tree
from tools.stack.kafka import Kafka
from tools.stack.memcached import Memcached
from tools.stack.places import Places, places_of, write_private
from tools.stack.process import ServerFailed, ServerProcess

PARTITIONS = 4
"""Of each topic: more would only cost on one machine."""
MIGRATE_SECONDS = 240
MOST_REPLICAS = 3

_CONFIG = """\
# The stack in {folder}: made by `python -m tools.stack`, which stops these servers when it ends.
data = "{folder}/murmurd"

[cql]
contact_points = {contact_points}
port = {cql_port}
datacenter = "{datacenter}"
replication = {replication}

[kafka]
bootstrap_servers = "{kafka}"
partitions = {partitions}
replication_factor = 1
min_insync_replicas = 1

[memcached]
nodes = {memcached}

[keys]
cursor = ["1:{cursor_key}"]
"""


@dataclass(frozen=True)
class Server:
    """One of the servers. `memory_mib`: what its settings allow it. `clients`: where clients find it."""

    process: ServerProcess
    clients: str
    memory_mib: int


class Stack:
    """Begun by `start`, ended by `stop`; both from a thread that lives as long as the servers should.

    folder: of all data, logs and the configuration; one that was used before goes on where it was. durable: Cassandra
    answers a write only once it is on disk, which tests need that kill its only node. last_behind: clients look for the
    last Cassandra node where somebody else listens for it (tools/stack/toxiproxy.py). say: is told how far it has come.
    """

    def __init__(
        self,
        folder: Path,
        cassandra_nodes: int = 1,
        *,
        durable: bool = False,
        last_behind: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Raises `ServerFailed` where the folder has another number of nodes, or its ports are taken; `Missing`."""
        self.folder, self._say, self._began = folder.resolve(), say, time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        places = places_of(self.folder, cassandra_nodes, last_behind=last_behind)
        self.nodes = places.cassandra
        nodes = cluster(self.folder / "cassandra", places.cassandra, durable=durable)
        self.cassandra = [
            Server(process, f"{place.host}:{place.port}", cassandra.HEAP_MEGABYTES + cassandra.DIRECT_MEGABYTES)
            for process, place in zip(nodes, places.cassandra, strict=True)
        ]
        broker = Kafka(self.folder / "kafka", places.kafka)
        self.kafka = Server(broker, broker.address, kafka_server.HEAP_MEGABYTES + kafka_server.DIRECT_MEGABYTES)
        caches = [
            Memcached(f"memcached-{number}", self.folder / "memcached", port)
            for number, port in enumerate(places.memcached)
        ]
        self.memcached = [Server(cache, cache.address, memcached.MEGABYTES) for cache in caches]
        self.config = self.folder / "murmurd.toml"
        write_private(self.config, self._config(places))

    @property
    def servers(self) -> list[Server]:
        return [*self.cassandra, self.kafka, *self.memcached]

    def start(self, *, migrate: bool = True) -> None:
        """Returns when every server answers its client and, with `migrate`, the tables are made. Raises
        `ServerFailed`; what was started runs until `stop`."""
        self._began = time.monotonic()
        self._say(f"Starting {len(self.servers)} servers in {self.folder}; Cassandra and its tables take a minute.")
        seed, *others = self.cassandra
        for server in [seed, *self.memcached, self.kafka]:
            server.process.begin()
        for server in [*self.memcached, self.kafka, seed]:
            self._await(server)
        for server in others:
            # A node joins a cluster whose other nodes are up.
            server.process.begin()
            self._await(server)
        if migrate:
            self.migrate()

    def migrate(self, tree: Path | None = None) -> int:
        """Makes the tables, or brings them up to date; answers how many steps that took. tree: as the version in that
        checkout does; None: in this one. Raises `ServerFailed`."""
        self._tell("Making the tables: murmurd migrate.")
        command = [sys.executable, "-m", "murmuration_server", "migrate", "--wait", "--json"]
        done = subprocess.run(
            [*command, "--config", str(self.config), "--timeout", str(MIGRATE_SECONDS)],
            env=bare_environment() | (of_tree(tree) if tree else {}),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ServerFailed(f"`murmurd migrate` failed: {done.stderr.strip()}")
        steps = len(json.loads(done.stdout)["applied"])
        self._tell(f"{steps} steps of migration done.")
        return steps

    def stop(self, *, kill: bool = False) -> None:
        """Ends every server. kill: at once, where the data are thrown away."""
        for server in self.servers:
            server.process.kill() if kill else server.process.begin_stop()
        for server in self.servers:
            server.process.await_end()

    def _await(self, server: Server) -> None:
        server.process.await_ready()
        self._tell(f"{server.process.name} on {server.clients} is ready.")

    def _tell(self, line: str) -> None:
        """With the time since the start."""
        self._say(f"{time.monotonic() - self._began:4.0f} s  {line}")

    def _config(self, places: Places) -> str:
        return _CONFIG.format(
            folder=self.folder,
            # JSON's lists of strings are TOML's.
            contact_points=json.dumps([place.host for place in places.cassandra]),
            cql_port=places.cassandra[0].port,
            datacenter=DATACENTER,
            replication=min(len(places.cassandra), MOST_REPLICAS),
            kafka=self.kafka.clients,
            partitions=PARTITIONS,
            memcached=json.dumps([server.clients for server in self.memcached]),
            cursor_key=places.cursor_key,
        )
