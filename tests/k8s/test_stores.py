"""The stores in the manifests are those that the program expects: topics, data centers, users, ports."""

from __future__ import annotations

import json

import pytest
import yaml

from murmuration_server.eventlog.kafka.clients import Clients
from murmuration_server.eventlog.kafka.topics import RELAY_POSITIONS, Topics
from murmuration_server.platform.config import KafkaSettings
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.roles.parts import PARTS
from tests.docs.pages import ROOT
from tests.k8s.rendering import DEV, PROD, Object, generated, of_kind, one, pods, render


def variables(overlay: str) -> dict[str, str]:
    data: dict[str, str] = generated(render(overlay), "ConfigMap", "settings")["data"]
    return data


def test_topics_are_those_that_the_program_would_make() -> None:
    said = variables(PROD)
    settings = KafkaSettings(
        partitions=int(said["MURMURATION_KAFKA__PARTITIONS"]),
        replication_factor=int(said["MURMURATION_KAFKA__REPLICATION_FACTOR"]),
        min_insync_replicas=int(said["MURMURATION_KAFKA__MIN_INSYNC_REPLICAS"]),
    )
    clients = Clients(settings)
    topics = Topics(clients, clients.admin(), ThreadRuntime())
    wanted = {}
    for topic in {RELAY_POSITIONS, *(topic for part in PARTS for topic in part.produces)}:
        plan = topics._plan(topic)
        wanted[plan.topic] = (plan.num_partitions, plan.replication_factor, plan.config)
    found = {
        topic["metadata"]["name"]: (
            topic["spec"]["partitions"],
            topic["spec"]["replicas"],
            {key: str(value) for key, value in topic["spec"]["config"].items()},
        )
        for topic in of_kind(render(PROD), "KafkaTopic")
    }
    assert found == wanted


def test_the_user_may_use_all_topics_and_groups() -> None:
    user = one(render(PROD), "KafkaUser", "murmuration")["spec"]
    prefixes = {
        (acl["resource"]["type"], acl["resource"]["name"])
        for acl in user["authorization"]["acls"]
        if acl["resource"].get("patternType") == "prefix"
    }
    assert prefixes == {("topic", KafkaSettings().prefix), ("group", KafkaSettings().prefix)}


def test_kafka_keeps_what_it_says_that_it_has() -> None:
    said, kafka = variables(PROD), one(render(PROD), "Kafka", "kafka")["spec"]["kafka"]
    pools = {pool["spec"]["roles"][0]: pool["spec"]["replicas"] for pool in of_kind(render(PROD), "KafkaNodePool")}
    assert pools["broker"] >= int(said["MURMURATION_KAFKA__REPLICATION_FACTOR"])
    assert kafka["config"]["min.insync.replicas"] == int(said["MURMURATION_KAFKA__MIN_INSYNC_REPLICAS"])
    (listener,) = kafka["listeners"]
    assert said["MURMURATION_KAFKA__BOOTSTRAP_SERVERS"].endswith(f":{listener['port']}")
    assert listener["authentication"]["type"].upper() == said["MURMURATION_KAFKA__PROPERTIES__SASL.MECHANISM"]


def test_scylla_has_a_rack_for_each_copy() -> None:
    said, cluster = variables(PROD), one(render(PROD), "ScyllaCluster", "scylla")
    datacenter = cluster["spec"]["datacenter"]
    assert datacenter["name"] == said["MURMURATION_CQL__DATACENTER"]
    assert len(datacenter["racks"]) == int(said["MURMURATION_CQL__REPLICATION"])
    zones = {
        zone
        for rack in datacenter["racks"]
        for term in rack["placement"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
            "nodeSelectorTerms"
        ]
        for zone in term["matchExpressions"][0]["values"]
    }
    assert len(zones) == len(datacenter["racks"])
    name, namespace = cluster["metadata"]["name"], cluster["metadata"]["namespace"]
    assert json.loads(said["MURMURATION_CQL__CONTACT_POINTS"]) == [f"{name}-client.{namespace}"]
    config = one(render(PROD), "ConfigMap", datacenter["racks"][0]["scyllaConfig"])["data"]["scylla.yaml"]
    assert yaml.safe_load(config)["authenticator"] == "PasswordAuthenticator"


@pytest.mark.parametrize("overlay", [DEV, PROD])
def test_lightweight_transactions_work_on_its_tablets(overlay: str) -> None:
    if overlay == PROD:
        version = one(render(PROD), "ScyllaCluster", "scylla")["spec"]["version"]
    else:
        version = _image(one(render(DEV), "StatefulSet", "scylla")).rpartition(":")[2]
    assert tuple(map(int, version.split(".")[:2])) >= (2025, 4)


def _image(stateful: Object) -> str:
    image: str = stateful["spec"]["template"]["spec"]["containers"][0]["image"]
    return image


def test_dev_has_one_of_each_and_says_so() -> None:
    said, objects = variables(DEV), render(DEV)
    for kind in ("CQL__REPLICATION", "KAFKA__REPLICATION_FACTOR", "KAFKA__MIN_INSYNC_REPLICAS"):
        assert said[f"MURMURATION_{kind}"] == "1"
    for name in ("scylla", "kafka", "memcached"):
        assert one(objects, "StatefulSet", name)["spec"]["replicas"] == 1
    assert json.loads(said["MURMURATION_CQL__CONTACT_POINTS"]) == ["scylla"]
    assert said["MURMURATION_KAFKA__BOOTSTRAP_SERVERS"] == "kafka:9092"


def test_memcached_keeps_within_its_memory() -> None:
    """A limit below what it was told to take would have it killed when it is full."""
    for overlay in (DEV, PROD):
        (container,) = one(render(overlay), "StatefulSet", "memcached")["spec"]["template"]["spec"]["containers"]
        (entries,) = (arg.partition("=")[2] for arg in container["args"] if arg.startswith("--memory-limit="))
        memory = container["resources"]["limits"]["memory"]
        assert memory == container["resources"]["requests"]["memory"]
        assert int(memory.removesuffix("Mi")) >= int(entries) * 1.25


def test_dev_runs_the_images_that_compose_runs() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    composed = {service["image"] for service in services.values() if "image" in service}
    assert {container["image"] for pod in pods(render(DEV)) for container in pod.containers()} == composed
