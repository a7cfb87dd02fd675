"""tools/pins.py: of all pins those that some extras need."""

from __future__ import annotations

import pytest

from tools.pins import asked_for, built_with, pins_of

PYPROJECT = {
    "build-system": {"requires": ["builder>=1"]},
    "project": {
        "name": "it",
        "dependencies": ["base>=1"],
        "optional-dependencies": {
            "small": ["Small_One[fast]>=2,<3 ; python_version > '3'"],
            "large": ["it[small]", "large"],
            "dev": ["it[large]", "tester"],
        },
    },
}
CONSTRAINTS = """\
# made by
#    make constraints
base==1 \\
    --hash=sha256:01
    # via it (pyproject.toml)
deep==4 ; python_version < '3.12' \\
    --hash=sha256:04
    # via
    #   small-one
    #   tester
deep==5 ; python_version >= '3.12' \\
    --hash=sha256:05 \\
    --hash=sha256:06
    # via small-one
deeper==7 \\
    --hash=sha256:07
    # via deep
small-one==2 \\
    --hash=sha256:02
    # via it (pyproject.toml)
tester==3 \\
    --hash=sha256:03
    # via it (pyproject.toml)
"""


def test_extras_that_name_extras() -> None:
    assert asked_for(PYPROJECT, []) == {"base"}
    assert asked_for(PYPROJECT, ["large"]) == {"base", "large", "small-one"}
    assert built_with(PYPROJECT) == {"builder"}
    with pytest.raises(KeyError):
        asked_for(PYPROJECT, ["other"])


def test_what_a_package_needs_comes_with_it_whole() -> None:
    assert pins_of(CONSTRAINTS, {"small-one"}).splitlines() == [
        "deep==4 ; python_version < '3.12' \\",
        "    --hash=sha256:04",
        "deep==5 ; python_version >= '3.12' \\",
        "    --hash=sha256:05 \\",
        "    --hash=sha256:06",
        "deeper==7 \\",
        "    --hash=sha256:07",
        "small-one==2 \\",
        "    --hash=sha256:02",
    ]


def test_what_is_not_pinned_is_not_left_out_silently() -> None:
    with pytest.raises(KeyError, match="large"):
        pins_of(CONSTRAINTS, {"base", "large"})
