"""What the embedded default keeps in its folder beside the stores."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from murmuration_server.platform.config import Settings
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.sqlite import StoreUnusable
from murmuration_server.roles.files import KEY_BYTES, Files

RUNTIME = ThreadRuntime()


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(Settings(data=tmp_path), RUNTIME, "serving", RUNTIME.event())


def test_a_key_is_made_once_for_its_owner_alone(files: Files, tmp_path: Path) -> None:
    made = files.signing_keys()
    assert files.signing_keys() == made
    assert [path.name for path in tmp_path.glob("cursor.key*")] == ["cursor.key"]
    assert (tmp_path / "cursor.key").stat().st_mode & 0o777 == 0o600
    files.close()


def test_a_key_is_there_whole_or_not_at_all(files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreUnusable, match=r"Cannot use .*cursor\.key: No space left"):
            files.signing_keys()
    assert not (tmp_path / "cursor.key").exists()
    assert len(files.signing_keys().keys[0][1]) == KEY_BYTES
    files.close()
