"""Pods, and the Services before them, are such that the program runs in them as it was told to."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import typer

from murmuration_server.cli.app import app
from murmuration_server.cli.config.faults import address_fault
from murmuration_server.cli.config.sources import is_secret
from murmuration_server.platform.config import PREFIX, Settings, load
from murmuration_server.roles.health import LIVE, READY, STARTUP
from murmuration_server.roles.parts import ALL, GATEWAY, ROLES, SERVING, callees
from murmuration_server.roles.process import REFUSING_SECONDS, STOP_STEP_SECONDS
from tests.k8s.rendering import DEMO, DEV, FOLDERS, PROD, Object, Pod, generated, of_kind, one, pods, render, selects

OVERLAYS = (DEV, PROD)
ROLE_NAMES = {role for role in ROLES if role != ALL}
CALLED = {*SERVING, GATEWAY}
IMAGE = "murmuration:0.1.0"

SECRETS = {
    ("cursor-keys", "MURMURATION_KEYS__CURSOR"): f'["1:{"ab" * 32}"]',
    ("cql", "MURMURATION_CQL__USERNAME"): "murmuration",
    ("cql", "MURMURATION_CQL__PASSWORD"): "secret",
    ("kafka", "MURMURATION_KAFKA__PROPERTIES__SASL.USERNAME"): "murmuration",
    ("kafka", "MURMURATION_KAFKA__PROPERTIES__SASL.PASSWORD"): "secret",
}
"""What operators put there; docs/operate/deploying.md says how."""

each_overlay = pytest.mark.parametrize("overlay", OVERLAYS)


def role_pods(overlay: str) -> dict[str, Pod]:
    return {pod.name: pod for pod in pods(render(overlay)) if pod.owner[0] == "Deployment"}


def environment(overlay: str, container: Object) -> dict[str, str]:
    objects, found = render(overlay), {}
    for source in container.get("envFrom", []):
        found.update(one(objects, "ConfigMap", source["configMapRef"]["name"])["data"])
    for variable in container.get("env", []):
        secret = variable.get("valueFrom", {}).get("secretKeyRef")
        if secret is None:
            found[variable["name"]] = variable["value"]
        else:
            assert secret["key"] == variable["name"]
            name = re.sub(r"-[a-z0-9]{10}$", "", secret["name"])
            found[variable["name"]] = SECRETS[name, secret["key"]]
    return found


def settings_of(overlay: str, container: Object, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """As the program in this container reads them."""
    with monkeypatch.context() as patch:
        for name, value in environment(overlay, container).items():
            patch.setenv(name, value)
        return load()


@each_overlay
def test_every_role_has_its_deployment_and_account(overlay: str) -> None:
    found = role_pods(overlay)
    assert found.keys() == ROLE_NAMES
    for role, pod in found.items():
        assert pod.main()["args"][:3] == ["serve", "--role", role]
        assert pod.spec["serviceAccountName"] == role
        account = one(render(overlay), "ServiceAccount", role)
        assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("folder", FOLDERS)
def test_commands_are_those_of_the_program(folder: str) -> None:
    root = typer.main.get_command(app)
    for pod in pods(render(folder)):
        for container in pod.containers():
            if container["image"] == IMAGE and "command" not in container:
                name, *args = container["args"]
                command = root.get_command(root.make_context("murmurd", [name]), name)  # type: ignore[attr-defined]
                command.make_context(name, args)


@each_overlay
def test_settings_are_known_and_usable(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pod in role_pods(overlay).values():
        for container in pod.containers():
            settings = settings_of(overlay, container, monkeypatch)
            assert address_fault(settings) is None
            assert settings.server.host == "0.0.0.0"
            assert settings.memcached.nodes == wanted_nodes(overlay)
            assert settings.memcached.revision > 0
            if container is pod.main() and pod.name in SERVING:
                assert settings.keys.cursor_keys()
            if overlay == PROD and pod.name != GATEWAY:
                assert settings.cql.username
                assert settings.cql.password.get_secret_value()
            if overlay == PROD and container is pod.main() and pod.name != GATEWAY:
                assert settings.kafka.properties == {
                    "security.protocol": "SASL_SSL",
                    "sasl.mechanism": "SCRAM-SHA-512",
                    "sasl.username": "murmuration",
                    "sasl.password": "secret",
                    "ssl.ca.location": "/etc/kafka-ca/ca.crt",
                }


def wanted_nodes(overlay: str) -> tuple[str, ...]:
    """Every pod of the StatefulSet by the name that it keeps."""
    count = one(render(overlay), "StatefulSet", "memcached")["spec"]["replicas"]
    return tuple(f"memcached-{number}.memcached:11211" for number in range(count))


@each_overlay
def test_a_role_gets_only_the_secrets_that_it_needs(overlay: str) -> None:
    for role, pod in role_pods(overlay).items():
        named = {key for container in pod.containers() for key in environment(overlay, container) if _secret(key)}
        signs = {"MURMURATION_KEYS__CURSOR"} if role in SERVING else set()
        stores = {key for name, key in SECRETS if name != "cursor-keys" and _secret(key)} if overlay == PROD else set()
        assert named == (signs | stores if role != GATEWAY else set()), role


@each_overlay
def test_a_change_of_settings_rolls_every_pod(overlay: str) -> None:
    objects = render(overlay)
    source = {"configMapRef": {"name": generated(objects, "ConfigMap", "settings")["metadata"]["name"]}}
    for pod in role_pods(overlay).values():
        assert all(container["envFrom"] == [source] for container in pod.containers())


def _mounts(container: Object) -> list[Mapping[str, str]]:
    found: list[Mapping[str, str]] = container.get("volumeMounts", [])
    return found


@each_overlay
def test_ports_and_probes_are_the_server_s(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for role, pod in role_pods(overlay).items():
        container = pod.main()
        server = settings_of(overlay, container, monkeypatch).server
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        serving = {"grpc": server.port} if role in CALLED else {}
        assert ports == {**serving, "metrics": server.metrics_port, "health": server.health_port}
        for probe, service in (("startupProbe", STARTUP), ("livenessProbe", LIVE), ("readinessProbe", READY)):
            assert container[probe]["grpc"] == {"port": server.health_port, "service": service}


@each_overlay
def test_a_pod_that_goes_has_time_to_drain(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dns_cache_seconds = 30
    for role, pod in role_pods(overlay).items():
        container = pod.main()
        server = settings_of(overlay, container, monkeypatch).server
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert (pause > dns_cache_seconds) == (role in CALLED)
        drain = server.drain_seconds + REFUSING_SECONDS if role in CALLED else 0
        assert pod.spec["terminationGracePeriodSeconds"] >= pause + drain + STOP_STEP_SECONDS
        assert server.drain_seconds >= server.default_deadline_seconds


@pytest.mark.parametrize("folder", FOLDERS)
def test_services_select_pods_that_have_the_ports(folder: str) -> None:
    objects = render(folder)
    for service in of_kind(objects, "Service"):
        chosen = [
            pod
            for pod in pods(objects)
            if pod.namespace == service["metadata"]["namespace"]
            and selects({"matchLabels": service["spec"]["selector"]}, pod.labels)
        ]
        (pod,) = chosen
        assert pod.name == service["metadata"]["name"]
        assert service["spec"]["clusterIP"] == "None", "clients spread their calls over addresses by themselves"
        named = {port["name"]: port["containerPort"] for port in pod.main()["ports"]}
        for port in service["spec"]["ports"]:
            assert named[port["targetPort"]] == port["port"]
    for stateful in of_kind(objects, "StatefulSet"):
        one(objects, "Service", stateful["spec"]["serviceName"])


@each_overlay
def test_peers_are_found_by_their_services(overlay: str) -> None:
    objects, peers = render(overlay), Settings().peers.model_dump()
    assert not [key for key in generated(objects, "ConfigMap", "settings")["data"] if "PEERS" in key]
    for role in ROLE_NAMES:
        for called in callees(role):
            (port,) = (port for port in one(objects, "Service", called)["spec"]["ports"] if port["name"] == "grpc")
            assert peers[called] == f"dns:///{called}:{port['port']}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_containers_are_bounded_pinned_and_kept_small(folder: str) -> None:
    for pod in pods(render(folder)):
        assert pod.spec["enableServiceLinks"] is False
        assert pod.spec["automountServiceAccountToken"] is False
        assert pod.spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod.containers():
            for kind in ("requests", "limits"):
                assert container["resources"][kind].keys() == {"cpu", "memory"}, pod.name
            assert re.search(r":\d[\w.-]+$|@sha256:[0-9a-f]{64}$", container["image"]), container["image"]
            if container["image"] == IMAGE:
                assert container["imagePullPolicy"] == "IfNotPresent"


@pytest.mark.parametrize("folder", FOLDERS)
def test_pods_meet_the_restricted_standard(folder: str) -> None:
    """All of ours, wherever; in dev two stores do not, and the namespace allows it."""
    for pod in pods(render(folder)):
        if pod.name == "scylla":
            continue
        context = pod.spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        for container in pod.containers():
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert own.get("readOnlyRootFilesystem") is True or pod.name == "kafka"
            if container["image"] == IMAGE:
                assert context["runAsUser"] == 10001
                mounts = {mount["mountPath"] for mount in _mounts(container)}
                assert "/tmp" in mounts
    (namespace,) = (found for found in of_kind(render(PROD), "Namespace") if found["metadata"]["name"] == "murmuration")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_secret_stands_in_a_config_map(folder: str) -> None:
    for found in of_kind(render(folder), "ConfigMap"):
        assert not [key for key in found["data"] if _secret(key)]


def test_secrets_of_production_come_from_elsewhere() -> None:
    assert not of_kind(render(PROD), "Secret")
    assert not of_kind(render(DEMO), "Secret")


def _secret(variable: str) -> bool:
    name = variable.removeprefix(PREFIX).lower()
    return is_secret(name) or name == "keys__cursor"


@each_overlay
def test_every_mounted_volume_is_there(overlay: str) -> None:
    objects = render(overlay)
    for pod in pods(objects):
        claims: list[Object] = []
        if pod.owner[0] == "StatefulSet":
            claims = one(objects, "StatefulSet", pod.name)["spec"].get("volumeClaimTemplates", [])
        there = {volume["name"] for volume in pod.spec.get("volumes", [])}
        there |= {claim["metadata"]["name"] for claim in claims}
        for container in pod.containers():
            assert {mount["name"] for mount in _mounts(container)} <= there
        for volume in pod.spec.get("volumes", []):
            if "configMap" in volume:
                one(objects, "ConfigMap", volume["configMap"]["name"])


@each_overlay
def test_roles_that_store_migrate_first(overlay: str) -> None:
    for role, pod in role_pods(overlay).items():
        first = [container["args"][:2] for container in pod.spec.get("initContainers", [])]
        assert first == ([["migrate", "--wait"]] if ROLES[role] else []), role
        assert (pod.labels.get("murmuration/stores") == "true") == bool(ROLES[role])
