"""The containers of `dev` as processes of this machine, on real stores: their commands, variables, ports and probes
as kustomize prints them. A pod's address is one of loopback's here."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from murmuration_client import Client
from murmuration_server.roles.parts import GATEWAY, SERVING
from tests.k8s.rendering import DEV, Object, Pod, of_kind, one, pods, render
from tests.k8s.test_workloads import environment
from tests.support.real_cassandra import cassandra_node
from tests.support.real_kafka import kafka_broker
from tests.support.real_memcached import memcached_nodes
from tools.stack.process import ServerProcess

pytestmark = [pytest.mark.stack, pytest.mark.timeout(600)]

BIN = Path(sys.executable).parent
START_SECONDS = 120.0
PROBE_SECONDS = 5.0
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


@dataclass(frozen=True)
class Place:
    """Where a pod's process runs. `address`: the pod's own, on which it has its ports to itself."""

    pod: Pod
    address: str
    folder: Path


def translated(container: Object, places: Mapping[str, Place]) -> dict[str, str]:
    """What the manifest says, with the addresses that it names by Services as they are here."""
    said, node = environment(DEV, container), cassandra_node()
    assert said["MURMURATION_SERVER__HOST"] == "0.0.0.0"
    assert json.loads(said["MURMURATION_CQL__CONTACT_POINTS"]) == ["scylla"]
    assert said["MURMURATION_KAFKA__BOOTSTRAP_SERVERS"] == "kafka:9092"
    assert json.loads(said["MURMURATION_MEMCACHED__NODES"]) == ["memcached-0.memcached:11211"]
    here = {
        "MURMURATION_MEMCACHED__NODES": json.dumps([memcached_nodes()[0].address]),
        "MURMURATION_CQL__CONTACT_POINTS": json.dumps([node.host]),
        "MURMURATION_CQL__PORT": str(node.port),
        "MURMURATION_CQL__KEYSPACE": "manifests",
        "MURMURATION_KAFKA__BOOTSTRAP_SERVERS": kafka_broker().address,
        "MURMURATION_KAFKA__PREFIX": "manifests.",
    }
    for service in of_kind(render(DEV), "Service"):
        name = service["metadata"]["name"]
        if name in SERVING:
            here[f"MURMURATION_PEERS__{name.upper()}"] = f"{places[name].address}:{port_of(service, 'grpc')}"
    return said | here


def port_of(service: Object, name: str) -> int:
    (port,) = (port["port"] for port in service["spec"]["ports"] if port["name"] == name)
    found: int = port
    return found


def probed(place: Place, probe: str) -> bool:
    """As the kubelet asks."""
    asked = place.pod.main()[probe]["grpc"]
    with grpc.insecure_channel(f"{place.address}:{asked['port']}") as channel:
        request = health_pb2.HealthCheckRequest(service=asked["service"])
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=PROBE_SECONDS)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise AssertionError(f"the program does not know {asked}: it would never be ready") from error
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Place]:
    roles = [pod for pod in pods(render(DEV)) if pod.owner[0] == "Deployment"]
    folder = tmp_path_factory.mktemp("pods")
    found = {pod.name: Place(pod, f"127.0.1.{number}", folder / pod.name) for number, pod in enumerate(roles, start=1)}
    for place in found.values():
        place.folder.mkdir()
    return found


@pytest.fixture(scope="module")
def system(places: dict[str, Place]) -> Iterator[dict[str, ServerProcess]]:
    """Every pod, migrated and ready. At the end each is told to go, and has its grace period for it."""
    processes = {}
    migrated: list[Object] = []
    try:
        for name, place in places.items():
            for container in place.pod.spec.get("initContainers", []):
                if container not in migrated:
                    migrated.append(container)
                    command = [str(BIN / "murmurd"), *container["args"]]
                    migration = ServerProcess(
                        f"{name}-migrate", command, place.folder, lambda: False, 0, translated(container, places)
                    )
                    migration.begin()
                    assert migration.wait(START_SECONDS) == 0, migration.log.read_text()
            container = place.pod.main()
            variables = translated(container, places) | {"MURMURATION_SERVER__HOST": place.address}
            command = [str(BIN / "murmurd"), *container["args"]]
            ready = partial(probed, place, "readinessProbe")
            processes[name] = ServerProcess(name, command, place.folder, ready, START_SECONDS, variables)
            processes[name].begin()
        for process in processes.values():
            process.await_ready()
        yield processes
        for process in processes.values():
            os.kill(process.pid, signal.SIGTERM)
        for name, process in processes.items():
            grace = places[name].pod.spec["terminationGracePeriodSeconds"]
            assert process.wait(grace) == 0, process.log.read_text()
    finally:
        for process in processes.values():
            process.kill()


@pytest.fixture
def client(system: dict[str, ServerProcess], places: dict[str, Place]) -> Iterator[Client]:
    """A caller, at the gateway's Service."""
    port = port_of(one(render(DEV), "Service", GATEWAY), "grpc")
    with Client(f"{places[GATEWAY].address}:{port}") as opened:
        yield opened


def test_probes_are_answered(system: dict[str, ServerProcess], places: dict[str, Place]) -> None:
    for place in places.values():
        for probe in PROBES:
            assert probed(place, probe), (place.pod.name, probe)


def test_a_post_reaches_a_home(client: Client) -> None:
    alice, bob = (client.create_user(name) for name in ("alice", "bob"))
    client.acting_as(bob.user_id).follow(alice.user_id)
    post = client.acting_as(alice.user_id).create_tweet("Hello")
    client.acting_as(bob.user_id).wait_visible(post, timeout=60)


def test_metrics_are_scraped(system: dict[str, ServerProcess], places: dict[str, Place]) -> None:
    for name, place in places.items():
        port = port_of(one(render(DEV), "Service", name), "metrics")
        with urllib.request.urlopen(f"http://{place.address}:{port}/metrics", timeout=PROBE_SECONDS) as answer:
            assert b"murmuration_" in answer.read()
