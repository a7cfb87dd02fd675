"""A configuration with a fault is refused whole, and what is wrong is named. What the program says and answers then:
tests/process/test_refusals.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from murmuration_server.platform.config import ConfigError, Settings, load


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("MURMURATION_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("[fanout]\npage_sise = 5\n", ["fanout.page_sise"], id="an unknown key in a section"),
        pytest.param("[fan_out]\npage_size = 5\n", ["fan_out"], id="an unknown section"),
        pytest.param("port = 5\n", ["port"], id="a key outside its section"),
        pytest.param("_env_prefix = 'X'\n", ["_env_prefix"], id="a key that the settings library would take"),
        pytest.param("[fanout]\npage_size = 'five'\n", ["fanout.page_size", "integer"], id="a word for a number"),
        pytest.param("[fanout]\npage_size = 1.5\n", ["fanout.page_size", "integer"], id="a fraction for a number"),
        pytest.param("[fanout]\npage_size = [5]\n", ["fanout.page_size", "integer"], id="a list for a number"),
        pytest.param("[fanout]\npage_size = 0\n", ["fanout.page_size"], id="a number too small"),
        pytest.param("[server]\nport = 65536\n", ["server.port"], id="a port too large"),
        pytest.param("[server]\nport = -1\n", ["server.port"], id="a port too small"),
        pytest.param("[server]\ndrain_seconds = -0.1\n", ["server.drain_seconds"], id="a negative time"),
        pytest.param("[server]\nhost = 5\n", ["server.host", "string"], id="a number for a name"),
        pytest.param("fanout = 5\n", ["fanout"], id="a number for a section"),
        pytest.param("log_level = 'loud'\n", ["log_level", "warning"], id="a word that is not one of the choices"),
        pytest.param("[fanout]\npage_size = 'a'\nbatch = 'b'\n", ["page_size", "batch"], id="two faults, both named"),
        pytest.param("[fanout\n", ["not TOML"], id="not TOML"),
        pytest.param("[fanout]\nbatch = 5\nbatch = 6\n", ["not TOML"], id="a key twice"),
        pytest.param("[graph]\npull_above_followers = 5\n", ["push_below_followers"], id="two numbers at odds"),
    ],
)
def test_a_file_with_a_fault(tmp_path: Path, text: str, parts: list[str]) -> None:
    path = tmp_path / "murmuration.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(path)
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        pytest.param("MURMURATION_FANOUT__PAGE_SISE", "5", "page_sise", id="an unknown key"),
        pytest.param("MURMURATION_SERVRE__PORT", "5", "SERVRE", id="an unknown section"),
        pytest.param("MURMURATION_PORT", "5", "MURMURATION_PORT", id="a key outside its section"),
        pytest.param("MURMURATION_FANOUT__PAGE_SIZE", "five", "fanout.page_size", id="a word for a number"),
        pytest.param("MURMURATION_FANOUT__PAGE_SIZE", "", "fanout.page_size", id="nothing for a number"),
        pytest.param("MURMURATION_FANOUT", "no json", "fanout", id="a section that is not JSON"),
    ],
)
def test_a_variable_with_a_fault(monkeypatch: pytest.MonkeyPatch, name: str, value: str, part: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=part):
        load()


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: No such file"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"binary\.toml is not TOML"):
        load(path)


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "empty.toml"
    path.write_text("")
    assert load(path) == Settings()


def test_a_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "murmuration.toml"
    path.write_text("[fanout]\npage_size = 5\nbatch = 7\n")
    monkeypatch.setenv("MURMURATION_FANOUT__PAGE_SIZE", "6")
    settings = load(path)
    assert (settings.fanout.page_size, settings.fanout.batch) == (6, 7)


@pytest.mark.parametrize("table_first", [True, False])
def test_a_table_as_json_hides_none_of_its_keys(monkeypatch: pytest.MonkeyPatch, table_first: bool) -> None:
    """Kafka's password comes as a variable of its own, from a Secret."""
    said = [
        ("MURMURATION_KAFKA__PROPERTIES", '{"linger.ms": "5", "sasl.username": "somebody"}'),
        ("MURMURATION_KAFKA__PROPERTIES__SASL.USERNAME", "murmuration"),
        ("MURMURATION_KAFKA", '{"partitions": 3, "properties": {"debug": "broker"}}'),
    ]
    for name, value in said if table_first else reversed(said):
        monkeypatch.setenv(name, value)
    kafka = load().kafka
    assert kafka.partitions == 3
    assert kafka.properties == {"linger.ms": "5", "sasl.username": "murmuration", "debug": "broker"}
