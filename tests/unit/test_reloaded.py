"""A configuration that changes while a process runs."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from murmuration_server.platform.config import ConfigError
from murmuration_server.roles.reload import Reloaded


def write(path: Path, text: str) -> None:
    """Under another name first, as whoever mounts configurations does."""
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "murmuration.toml"
    write(file, '[memcached]\nnodes = ["a:1"]\n')
    now = Reloaded(file)
    assert now() is now()
    write(file, '[memcached]\nnodes = ["a:1", "b:1"]\n')
    assert now().memcached.nodes == ("a:1", "b:1")


@pytest.mark.parametrize("text", ['[memcached]\nnodes = ["nowhere at all"]\n', "[memcached", ""])
def test_an_unusable_file_changes_nothing_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    file = tmp_path / "murmuration.toml"
    write(file, '[memcached]\nnodes = ["a:1"]\n')
    now = Reloaded(file)
    now()
    with caplog.at_level(logging.WARNING):
        if text:
            write(file, text)
        else:
            file.unlink()
        found = [now().memcached.nodes for _ in range(3)]
    assert found == [("a:1",)] * 3
    assert len(caplog.records) == (1 if text else 0)


def test_the_first_time_it_must_be_usable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        Reloaded(tmp_path / "none.toml")()
