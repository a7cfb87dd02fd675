"""What a system of the load's own leaves behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from unittest import mock

from loadtest.system import _remove


def test_a_folder_into_which_somebody_still_writes_goes(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    remove, left = shutil.rmtree, [2]

    def and_write(path: Path, **options: bool) -> None:
        remove(path, **options)
        if left[0]:
            left[0] -= 1
            path.mkdir()

    with mock.patch("loadtest.system.shutil.rmtree", and_write):
        _remove(folder)
    assert not folder.exists()
    assert left == [0]
