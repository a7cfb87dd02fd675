"""One strict configuration: a file, and above it the environment."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from murmuration_server.platform.config import ConfigError, Settings, load


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("MURMURATION_"):
            monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    path = folder / "murmuration.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(written(folder, text))
    return str(caught.value)


def test_without_a_file_all_is_default() -> None:
    assert load() == Settings()
    assert load().server.port == 7700


def test_a_file_changes_what_it_names(tmp_path: Path) -> None:
    settings = load(written(tmp_path, 'data = "elsewhere"\n[server]\nport = 1\n[outbox]\nbucket_ms = 5\n'))
    assert (settings.data, settings.server.port, settings.outbox.bucket_ms) == (Path("elsewhere"), 1, 5)
    assert settings.server.threads == Settings().server.threads


def test_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_SERVER__PORT", "2")
    monkeypatch.setenv("MURMURATION_DATA", "from-env")
    settings = load(written(tmp_path, 'data = "from-file"\n[server]\nport = 1\nhost = "h"\n'))
    assert (settings.server.port, settings.server.host, settings.data) == (2, "h", Path("from-env"))
    assert load().server.port == 2


def test_settings_do_not_change_under_way() -> None:
    with pytest.raises(Exception, match="frozen"):
        load().server.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("prot = 1", "prot"),
        ("[server]\nprot = 1", "server.prot"),
        ("[sever]\nport = 1", "sever"),
        ('[server]\nport = "many"', "server.port"),
        ("[server]\nport = 70000", "server.port"),
        ("[server]\nport = [1]", "server.port"),
        ("[fanout]\nbatch = 0", "fanout.batch"),
        ('[graph]\nmode_policy = "sometimes"', "graph.mode_policy"),
        ('log_level = "loud"', "log_level"),
        ("server = 3", "server"),
    ],
)
def test_a_fault_is_named_by_its_key(tmp_path: Path, text: str, key: str) -> None:
    assert re.search(rf" {re.escape(key)}[:.]", refused(tmp_path, text))


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    message = refused(tmp_path, "[server]\nport = -1\nprot = 1\n[fanout]\nbatch = 0\n")
    assert all(key in message for key in ("server.port", "server.prot", "fanout.batch"))


@pytest.mark.parametrize("text", ["port: 7700", "[server", "a = 'b", "\x00"])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    assert "is not TOML" in refused(tmp_path, text)


def test_what_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "murmuration.toml"
    path.write_bytes(b"data = '\xff\xfe'")
    with pytest.raises(ConfigError, match="is not TOML"):
        load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the configuration .*absent\.toml: No such file"):
        load(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match="Cannot read the configuration"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MURMURATION_SERVER__PROT", "1"),
        ("MURMURATION_SERVER__PORT", "many"),
        ("MURMURATION_NOPE", "1"),
        ("MURMURATION_SEVER__PORT", "1"),
        ("MURMURATION_SERVER", "garbage"),
    ],
)
def test_a_fault_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError):
        load()


def test_a_file_has_no_keys_of_the_loader(tmp_path: Path) -> None:
    assert "_env_file" in refused(tmp_path, '_env_file = "x"')


@pytest.mark.parametrize(
    "text",
    [
        # A writer would look at the clock, and write its row again, for ever.
        "[outbox]\nresweep_ms = 0\nmargin_ms = 10000",
        # The same authors would be moved to and fro for ever.
        "[graph]\npull_above_followers = 10\npush_below_followers = 20",
    ],
)
def test_settings_that_contradict_one_another_are_refused(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text)


# Keys


@pytest.mark.parametrize(
    "keys", [["1"], ["1:abc"], [f"256:{'a' * 64}"], [f"1:{'g' * 64}"], [f"1:{'a' * 64}", f"1:{'b' * 64}"]]
)
def test_cursor_keys_that_are_none_are_refused_and_not_told(keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_KEYS__CURSOR", json.dumps(keys))
    with pytest.raises(ConfigError) as caught:
        load()
    assert "keys.cursor" in str(caught.value)
    assert "aaa" not in str(caught.value)


def test_the_first_cursor_key_signs_and_the_others_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MURMURATION_KEYS__CURSOR", json.dumps([f"7:{'ab' * 32}", f"0:{'cd' * 32}"]))
    settings = load()
    assert settings.keys.cursor_keys() == ((7, bytes.fromhex("ab" * 32)), (0, bytes.fromhex("cd" * 32)))
    assert "abab" not in repr(settings)
