"""Cassandra 5 nodes, which speak the CQL that ScyllaDB speaks: one, or several that make a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.stack.maven import jars, java
from tools.stack.process import ServerProcess, accepts, free_port, is_free

COORDINATES = ["org.apache.cassandra:cassandra-all:5.0.5"]
START_SECONDS = 240.0
"""A node that has been killed replays its log first, and a machine may be busy."""
ALONE_MS, JOINING_MS = 1000, 10_000
"""How long a node that begins gives the others to be heard: a seed needs nobody, another one gives up without one."""
HEAP_MEGABYTES = 512
DIRECT_MEGABYTES = 256
"""Memory outside of the heap: buffers of the network and of files, and half of what was written and not yet flushed."""
DATACENTER = "datacenter1"
"""What SimpleSnitch calls the one datacenter."""

_EXPORTS = """
    java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch java.base/java.lang.ref
    java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server
    java.sql/java.sql jdk.unsupported/sun.misc
"""
_OPENS = """
    java.base/java.lang.module java.base/jdk.internal.loader java.base/jdk.internal.ref
    java.base/jdk.internal.reflect java.base/jdk.internal.math java.base/jdk.internal.module
    java.base/jdk.internal.util.jar java.base/sun.nio.ch java.base/java.io java.base/java.nio java.base/java.util
    java.base/java.util.concurrent java.base/java.util.concurrent.atomic java.base/java.lang java.base/java.math
    java.base/java.lang.reflect java.base/java.net jdk.management/com.sun.management.internal
"""

_YAML = """\
cluster_name: murmuration
num_tokens: 16
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "{seeds}"
listen_address: {host}
rpc_address: {answers}
broadcast_rpc_address: {host}
storage_port: {storage_port}
native_transport_port: {port}
endpoint_snitch: SimpleSnitch
commitlog_sync: {commitlog_sync}
data_file_directories: ["{data}/data"]
commitlog_directory: "{data}/commitlog"
saved_caches_directory: "{data}/saved_caches"
hints_directory: "{data}/hints"
cdc_raw_directory: "{data}/cdc_raw"
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
authenticator: AllowAllAuthenticator
authorizer: AllowAllAuthorizer
auto_snapshot: false
batch_size_warn_threshold: 50KiB
unlogged_batch_across_partitions_warn_threshold: 1000
"""
# What Cassandra refuses is as it is shipped. It would warn of every batch of homes (docs/cql.md), into everybody's log.


@dataclass(frozen=True)
class Node:
    """Where a node listens: all nodes of a cluster have the same ports, each on a loopback address of its own.

    behind: where the node itself takes clients' connections, if somebody is to stand in front of it: clients are told
    `host`. Empty: at `host` too.
    """

    host: str
    port: int
    storage_port: int
    behind: str = ""


def node(folder: Path, place: Node, seeds: Sequence[str], *, durable: bool = False) -> ServerProcess:
    """A node that keeps its data in `folder`; not started yet. A cluster's nodes are started one after another.

    `durable`: a write is answered once it is on disk, so one that was answered survives `kill -9` of its only replica.
    """
    # "group" answers within 15 ms; "periodic" answers before the disk has it, as a stock node does.
    sync = "group\ncommitlog_sync_group_window: 15ms" if durable else "periodic\ncommitlog_sync_period: 10s"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "cassandra.yaml"
    config.write_text(
        _YAML.format(
            seeds=",".join(f"{seed}:{place.storage_port}" for seed in seeds),
            host=place.host,
            answers=place.behind or place.host,
            storage_port=place.storage_port,
            port=place.port,
            commitlog_sync=sync,
            data=folder,
        )
    )
    (folder / "logback.xml").write_text(_LOGBACK)
    return ServerProcess(
        f"cassandra-{place.host}",
        _command(folder, config, ALONE_MS if place.host in seeds else JOINING_MS),
        folder,
        lambda: accepts(place.behind or place.host, place.port),
        START_SECONDS,
    )


def one_node(folder: Path, *, durable: bool = False) -> tuple[ServerProcess, Node]:
    """A cluster of one node on free ports of 127.0.0.1."""
    [place] = choose_places(1)
    return node(folder, place, [place.host], durable=durable), place


def choose_places(count: int, *, behind: bool = False) -> list[Node]:
    """For a cluster of so many nodes: 127.0.0.1 and the addresses after it, with ports that are free on all of them.

    behind: the last one's own address is another, so that somebody may listen in its place.
    """
    hosts = [f"127.0.0.{number}" for number in range(1, count + 1)]
    own = f"127.0.1.{count}" if behind else ""
    taken = [*hosts, own] if behind else hosts
    port, storage_port = _free_on_all(taken), _free_on_all(taken)
    *others, last = hosts
    return [*(Node(host, port, storage_port) for host in others), Node(last, port, storage_port, own)]


def cluster(folder: Path, places: Sequence[Node], *, durable: bool = False) -> list[ServerProcess]:
    """Its nodes, each with a folder of its own; the first is the seed. To be started in this order."""
    seeds = [places[0].host]
    return [node(folder / place.host, place, seeds, durable=durable) for place in places]


def _free_on_all(hosts: Sequence[str]) -> int:
    while True:
        port = free_port(hosts[0])
        if all(is_free(host, port) for host in hosts):
            return port


_LOGBACK = """\
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%-5level %date{HH:mm:ss,SSS} %logger{0} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
"""


def _command(folder: Path, config: Path, ring_delay_ms: int) -> list[str]:
    lib = jars(COORDINATES)
    [agent] = lib.glob("jamm-*.jar")
    return [
        java(),
        f"-Xms{HEAP_MEGABYTES}m",
        f"-Xmx{HEAP_MEGABYTES}m",
        f"-XX:MaxDirectMemorySize={DIRECT_MEGABYTES}m",
        "-Xss512k",
        "-XX:+UseG1GC",
        f"-javaagent:{agent}",
        *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS.split()),
        *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS.split()),
        f"-Dcassandra.config={config.as_uri()}",
        f"-Dcassandra.storagedir={folder}",
        f"-Dcassandra.logdir={folder}",
        f"-Dlogback.configurationFile={folder / 'logback.xml'}",
        "-Dcassandra-foreground=yes",
        "-Dcassandra.superuser_setup_delay_ms=0",
        f"-Dcassandra.ring_delay_ms={ring_delay_ms}",
        "-Dcassandra.skip_wait_for_gossip_to_settle=0",
        "-cp",
        f"{folder}:{lib}/*",
        "org.apache.cassandra.service.CassandraDaemon",
    ]
