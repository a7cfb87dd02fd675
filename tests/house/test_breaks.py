"""Every break of `make prove` can still be made: its patch applies, and the test that it names is there. Whether that
test fails then only `make prove` says, which takes as long as all the rest."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.prove import BREAKS, ROOT, git_apply, read_break


@pytest.mark.parametrize("path", sorted(BREAKS.rglob("*.patch")), ids=lambda path: path.stem)
def test_a_break_can_be_made(path: Path) -> None:
    broken = read_break(path)
    file, _, name = broken.test.partition("::")
    function = name.rpartition("::")[2].partition("[")[0]
    assert re.search(rf"^\s*(def|class) {function}\b|^{function} = ", (ROOT / file).read_text(), re.MULTILINE), (
        broken.test
    )
    assert not git_apply(ROOT, path, "--check")
