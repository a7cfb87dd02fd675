"""compose.yaml fits what it starts: settings, roles, their peers and servers. It opens one port, on loopback."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from murmuration_server.cli.app import app
from murmuration_server.cli.config.faults import faults_of
from murmuration_server.platform.config import Settings, load
from murmuration_server.roles.health import Health
from murmuration_server.roles.parts import ALL, GATEWAY, ROLES, SERVING, callees
from tests.docs.pages import blocks, commands
from tests.image.composition import PREFIX, environment_of, image_of, ours, roles, seconds, services
from tests.image.dockerfile import ROOT, the_dockerfile

PAGE = ROOT / "docs" / "operate" / "docker.md"
KEYS = {"MURMURATION_KEYS__CURSOR": f'["1:{"0f" * 32}"]'}


def enter(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The environment of that service in place of this desk's."""
    for variable in [variable for variable in os.environ if variable.upper().startswith(PREFIX)]:
        monkeypatch.delenv(variable)
    for variable, value in environment_of(ours()[name], KEYS).items():
        monkeypatch.setenv(variable, value)


def settings_of(monkeypatch: pytest.MonkeyPatch, name: str) -> Settings:
    enter(monkeypatch, name)
    return load()


@pytest.mark.parametrize("name", ours())
def test_every_variable_is_a_setting_and_its_value_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    enter(monkeypatch, name)
    assert faults_of(None) == []
    assert all(variable.startswith(PREFIX) for variable in ours()[name]["environment"])


def test_every_role_but_all_has_a_service_of_its_name() -> None:
    assert set(roles().values()) == ROLES.keys() - {ALL}
    for name, role in roles().items():
        assert ours()[name]["command"] == ["serve", "--role", role]
    assert ours().keys() - roles().keys() == {"migrate"}


@pytest.mark.parametrize("name", roles())
def test_peers_are_where_the_settings_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    peers = settings_of(monkeypatch, name).peers
    for peer in callees(roles()[name]):
        target = urlsplit(getattr(peers, peer))
        host, _, port = target.path.removeprefix("/").partition(":")
        assert (target.scheme, roles()[host]) == ("dns", peer)
        assert int(port) == settings_of(monkeypatch, host).server.port


@pytest.mark.parametrize("name", ours())
def test_servers_are_where_the_settings_say_and_enough_for_the_copies(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(monkeypatch, name)
    images = {each: image_of(service)[0] for each, service in services().items()}
    assert {images[point] for point in settings.cql.contact_points} == {"scylladb/scylla"}
    assert settings.cql.replication <= len(settings.cql.contact_points)
    brokers = settings.kafka.bootstrap_servers.split(",")
    for broker in brokers:
        host, _, port = broker.partition(":")
        assert images[host] == "apache/kafka"
        # Clients are told this address once they have asked, so it has to be the one that they know.
        assert services()[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://{host}:{port}"
    assert settings.kafka.replication_factor <= len(brokers)
    nodes = {node.partition(":")[0] for node in settings.memcached.nodes}
    assert nodes == {each for each, image in images.items() if image == "memcached"}
    assert len(nodes) == 3


def test_one_port_is_published_and_on_loopback() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    assert published.keys() == {name for name, role in roles().items() if role == GATEWAY}
    for ports in published.values():
        for port in ports:
            address, outside, inside = port.rsplit(":", 2)
            assert ipaddress.ip_address(address).is_loopback
            assert int(outside) == int(inside) == Settings.model_fields["server"].default.port


def test_only_those_that_sign_know_the_keys() -> None:
    knowing = {name for name in ours() if KEYS.keys() & environment_of(ours()[name], KEYS).keys()}
    assert knowing == {name for name, role in roles().items() if role in SERVING}


def test_images_are_of_one_version() -> None:
    for name, service in services().items():
        assert re.fullmatch(r"\d+\.\d+\.\d+(-alpine)?", image_of(service)[1]), name
    (version,) = {image_of(service)[1] for service in ours().values()}
    assert f"VERSION={version}" in [step.rest for step in the_dockerfile()[-1].all("ARG")]
    assert [name for name, service in services().items() if "build" in service] == ["migrate"]


@pytest.mark.parametrize("name", ours())
def test_containers_may_do_little(name: str) -> None:
    service = ours()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert [mount.partition(":")[0] for mount in service["tmpfs"]] == ["/tmp"]


@pytest.mark.parametrize("name", services())
def test_every_container_is_bounded_and_comes_back(name: str) -> None:
    assert services()[name]["mem_limit"]
    assert services()[name]["restart"] == ("on-failure" if name == "migrate" else "unless-stopped")


@pytest.mark.parametrize("name", roles())
def test_calls_under_way_have_the_time_that_a_process_gives_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert seconds(ours()[name]["stop_grace_period"]) > settings_of(monkeypatch, name).server.drain_seconds


@pytest.mark.parametrize("name", roles())
def test_its_health_check_asks_the_process(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(monkeypatch, name).server.health_port
    how, program, *arguments = ours()[name]["healthcheck"]["test"]
    assert (how, [program]) == ("CMD", the_dockerfile()[-1].only("ENTRYPOINT").words())
    health = Health()
    server = health.server()
    # That very port may be taken here.
    monkeypatch.setenv("MURMURATION_SERVER__HEALTH_PORT", str(server.add_insecure_port("127.0.0.1:0")))
    server.start()
    try:
        assert CliRunner().invoke(app, arguments).exit_code == 1
        health.begun(())
        assert CliRunner().invoke(app, arguments).exit_code == 0
    finally:
        server.stop(None).wait(10)


@pytest.mark.parametrize("name", services())
def test_what_it_waits_for_comes(name: str) -> None:
    for other, wanted in services()[name].get("depends_on", {}).items():
        if wanted["condition"] == "service_completed_successfully":
            assert other == "migrate"
        else:
            assert wanted["condition"] == "service_healthy"
            assert services()[other]["healthcheck"]


def test_roles_begin_on_tables_of_their_version() -> None:
    for name, role in roles().items():
        waits = services()[name]["depends_on"]
        assert waits.keys() == set(callees(role)) if role == GATEWAY else "migrate" in waits


def test_the_documented_command_makes_a_key_once_and_for_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = [line for block in blocks(PAGE) for line in commands(block) if "KEYS__CURSOR" in line]
    shell = ["bash", "-euc", command]
    subprocess.run(shell, cwd=tmp_path, check=True)
    path = tmp_path / ".env"
    made = path.read_text("utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # As Compose reads it: what is in single quotes is taken as it stands.
    line = re.fullmatch(r"(\w+)='([^']*)'\n", made)
    assert line
    assert KEYS.keys() == {line[1]}
    monkeypatch.setenv(line[1], line[2])
    ((number, key),) = load().keys.cursor_keys()
    assert number == 1
    assert len(set(key)) > 8
    # Tokens of the key before would no longer be accepted.
    assert subprocess.run(shell, cwd=tmp_path, check=False, capture_output=True).returncode != 0
    assert path.read_text("utf-8") == made
