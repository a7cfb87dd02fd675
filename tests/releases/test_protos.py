"""Every release can speak with this tree: the API, the internal calls and the events only add."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.releases.history import KEPT, ROOT, releases

BUF = Path(sys.executable).with_name("buf")


def test_of_every_release_there_is_what_it_wrote() -> None:
    assert releases()
    missing = [version for version in releases() if not (KEPT / version).is_dir()]
    assert not missing, "python -m tests.releases.keep VERSION makes it"


@pytest.mark.parametrize("version", releases())
def test_protos_only_add(version: str) -> None:
    kept = KEPT / version / "protos.binpb"
    breaking = subprocess.run(
        [BUF, "breaking", "protos", "--against", str(kept)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert not breaking.returncode, breaking.stdout + breaking.stderr
