"""`murmurd config`: what is in force and from where, and every fault with its mend."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from murmuration_server.cli.app import app
from murmuration_server.platform.config import Settings, load

FILE = """
data = "/tmp/\\u00e9 \\" x"
[server]
port = 7800
threads = 4
[memcached]
nodes = ["127.0.0.1:11211", "127.0.0.2:11211"]
[kafka.properties]
"security.protocol" = "sasl_ssl"
"sasl.password" = "hunter2"
"""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("MURMURATION_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "murmuration.toml"
    path.write_text(FILE, "utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["config", *map(str, arguments)], prog_name="murmurd")


def shown(*arguments: object) -> str:
    result = run("show", *arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def faults(*arguments: object) -> list[dict[str, str]]:
    result = run("check", "--json", *arguments)
    document = json.loads(result.stdout)
    assert (result.exit_code, document["usable"]) == ((1, False) if document["faults"] else (0, True))
    found: list[dict[str, str]] = document["faults"]
    return found


def test_what_is_shown_can_be_read_back(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_FANOUT__BATCH", "3")
    monkeypatch.setenv("MURMURATION_SERVER", '{"drain_seconds": 1.5}')
    again = tmp_path / "again.toml"
    again.write_text(shown("--config", file, "--secrets"), "utf-8")
    settings = load(file)
    for name in ("MURMURATION_FANOUT__BATCH", "MURMURATION_SERVER"):
        monkeypatch.delenv(name)
    assert load(again) == settings
    assert (settings.server.drain_seconds, settings.fanout.batch, settings.server.threads) == (1.5, 3, 4)


def test_defaults_can_be_read_back(tmp_path: Path) -> None:
    path = tmp_path / "defaults.toml"
    path.write_text(shown(), "utf-8")
    assert load(path) == Settings()


def test_each_value_says_where_it_comes_from(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_SERVER__THREADS", "8")
    monkeypatch.setenv("murmuration_fanout", '{"batch": 3}')
    settings = json.loads(shown("--config", file, "--json"))["settings"]
    assert settings["server.port"] == {"value": 7800, "source": "file", "from": str(file)}
    assert settings["server.threads"] == {"value": 8, "source": "environment", "from": "MURMURATION_SERVER__THREADS"}
    assert settings["fanout.batch"] == {"value": 3, "source": "environment", "from": "murmuration_fanout"}
    assert settings["fanout.page_size"] == {"value": 1000, "source": "default", "from": ""}
    assert settings["memcached.nodes"]["value"] == ["127.0.0.1:11211", "127.0.0.2:11211"]
    lines = shown("--config", file, "--changed").splitlines()
    assert f"port = 7800  # from {file}" in lines
    assert "threads = 8  # from MURMURATION_SERVER__THREADS" in lines
    assert not [line for line in lines if line.startswith("page_size")]


def test_every_setting_is_shown() -> None:
    shown_keys = json.loads(shown("--json"))["settings"].keys()
    sections = {key: type(field.default) for key, field in Settings.model_fields.items()}
    sections = {key: kind for key, kind in sections.items() if hasattr(kind, "model_fields")}
    declared = {f"{section}.{name}" for section, kind in sections.items() for name in kind.model_fields}
    assert shown_keys == declared | (Settings.model_fields.keys() - sections.keys())


def test_secrets_are_left_out_unless_they_are_asked_for(file: Path) -> None:
    for output in (shown("--config", file), shown("--config", file, "--json")):
        assert "hunter2" not in output
        assert "sasl_ssl" in output
        assert "sasl.password" in output
    assert "kafka" in tomllib.loads(shown("--config", file))
    assert "hunter2" in shown("--config", file, "--secrets")


def test_what_is_wholly_secret_is_left_out_as_well(tmp_path: Path) -> None:
    file, key = tmp_path / "keys.toml", "5e" * 32
    file.write_text(f'[keys]\ncursor = ["1:{key}"]\n[cql]\nusername = "us"\npassword = "hunter3"\n')
    for output in (shown("--config", file), shown("--config", file, "--json")):
        assert key not in output
        assert "hunter3" not in output
        assert "username" in output
    told = tomllib.loads(shown("--config", file, "--secrets"))
    assert (told["keys"]["cursor"], told["cql"]["password"]) == ([f"1:{key}"], "hunter3")


def test_show_refuses_what_up_refuses(tmp_path: Path) -> None:
    result = run("show", "--config", tmp_path / "absent.toml")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Cannot read the configuration" in result.stderr


def test_a_usable_file(file: Path) -> None:
    result = run("check", file)
    assert (result.exit_code, result.stdout) == (0, f"{file}: usable.\n")
    assert faults(file) == []
    assert run("check").stdout == "The environment: usable.\n"


def test_every_fault_is_told_with_its_key_its_place_and_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bad.toml"
    file.write_text("threads = 1\n[server]\nprot = 1\nport = 'many'\n[graph]\npull_above_followers = 1\n[sever]\n")
    monkeypatch.setenv("MURMURATION_FANOUT__BATCH", "0")
    monkeypatch.setenv("MURMURATION_FAN_OUT__BATCH", "1")
    found = {fault["key"]: fault for fault in faults(file)}
    assert found.keys() == {
        "threads", "server.prot", "server.port", "graph", "sever", "fanout.batch", "MURMURATION_FAN_OUT__BATCH",
    }  # fmt: skip
    assert "Did you mean server.threads?" in found["threads"]["mend"]
    assert "Did you mean server.port?" in found["server.prot"]["mend"]
    assert "Did you mean server?" in found["sever"]["mend"]
    assert "Did you mean MURMURATION_FANOUT__BATCH?" in found["MURMURATION_FAN_OUT__BATCH"]["mend"]
    assert found["server.port"]["mend"] == f"Change it in {file}. Left out, it is 7700."
    assert found["graph"]["fault"] == "push_below_followers must not be greater than pull_above_followers"
    assert found["fanout.batch"]["from"] == "MURMURATION_FANOUT__BATCH"
    assert "the variable MURMURATION_FANOUT__BATCH" in found["fanout.batch"]["mend"]
    told = run("check", file).stdout
    assert f"{file}: server.prot: there is no such setting\n  Did you mean server.port?" in told


@pytest.mark.parametrize(
    ("text", "said"), [(None, "No such file"), ("[server", "is not TOML"), ("\x00", "is not TOML")]
)
def test_a_file_that_cannot_be_read(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "bad.toml"
    if text is not None:
        file.write_text(text)
    [fault] = faults(file)
    assert said in fault["fault"]


def test_an_address_that_may_not_be_served_is_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "open.toml"
    file.write_text('[server]\nhost = "0.0.0.0"\n')
    [fault] = faults(file)
    assert fault["key"] == "server.host"
    assert "127.0.0.1" in fault["mend"]
    file.write_text('[server]\nhost = "0.0.0.0"\nauth = "trusted-metadata"\n')
    assert faults(file) == []


@pytest.mark.parametrize("value", ['a"b\\c', "tab\tnew\nline", "\x7f\x00\x1f", "emoji \U0001f426", "# no remark"])
def test_any_text_survives_the_way_through_toml(tmp_path: Path, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = tmp_path / "given.toml"
    document: dict[str, Any] = {"kafka": {"properties": {value: value}}}
    given.write_text(f"[kafka.properties]\n{_toml(value)} = {_toml(value)}\n", "utf-8")
    again = tmp_path / "again.toml"
    again.write_text(shown("--config", given, "--secrets"), "utf-8")
    assert load(again).kafka.properties == document["kafka"]["properties"]


def _toml(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'
