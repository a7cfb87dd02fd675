"""`murmurd health`: what a container's health check is told, by exit code and in words."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from murmuration_server.cli.app import app
from murmuration_server.roles.health import Health


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("MURMURATION_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Health]:
    """The health of a process that listens on all addresses, as one in a container does."""
    health = Health()
    server = health.server()
    monkeypatch.setenv("MURMURATION_SERVER__HOST", "0.0.0.0")
    monkeypatch.setenv("MURMURATION_SERVER__AUTH", "trusted-metadata")
    monkeypatch.setenv("MURMURATION_SERVER__HEALTH_PORT", str(server.add_insecure_port("127.0.0.1:0")))
    # A container's environment may name a proxy, which knows no loopback address of ours.
    for name in ("http_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.start()
    yield health
    server.stop(None).wait(10)


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["health", *arguments], prog_name="murmurd")


def test_ready_is_what_it_asks_and_its_exit_code_is_the_answer(process: Health) -> None:
    assert (ask().exit_code, ask().stdout) == (1, "ready: no\n")
    process.begun(())
    assert (ask().exit_code, ask().stdout) == (0, "ready: yes\n")
    process.ending()
    assert ask("--service", "ready").exit_code == 1
    assert ask("--service", "live").exit_code == 0


def test_as_json(process: Health) -> None:
    result = ask("--service", "startup", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"service": "startup", "serving": False})


def test_another_port_than_the_settings(process: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    process.begun(())
    port = os.environ["MURMURATION_SERVER__HEALTH_PORT"]
    monkeypatch.setenv("MURMURATION_SERVER__HEALTH_PORT", "1")
    assert ask("--port", port).exit_code == 0


def test_a_service_that_there_is_not(process: Health) -> None:
    result = ask("--service", "well")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "startup, live or ready" in result.stderr


def test_nobody_answers(process: Health) -> None:
    result = ask("--port", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "127.0.0.1:1 does not answer" in result.stderr


def test_no_port_is_set() -> None:
    result = ask()
    assert result.exit_code == 1
    assert "server.health_port" in result.stderr
