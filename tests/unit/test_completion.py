"""Both programs complete their commands and options in a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent

each_program = pytest.mark.parametrize("program", ["murmur", "murmurd"])


def run(program: str, *arguments: str, **variables: str) -> str:
    done = subprocess.run(
        [BIN / program, *arguments], env=os.environ | variables, capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def completed(program: str, line: str) -> set[str]:
    """What bash would offer at the end of this line."""
    variable = f"_{program.upper()}_COMPLETE"
    words = f"{program} {line}"
    return set(
        run(program, **{variable: "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)})
        .strip()
        .splitlines()
    )


@each_program
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_a_shell(program: str, shell: str) -> None:
    script = run(program, **{f"_{program.upper()}_COMPLETE": f"source_{shell}"})
    assert program in script
    assert f"_{program.upper()}_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("program", "line", "offered"),
    [
        ("murmur", "fol", {"follow", "followers", "following"}),
        ("murmur", "admin re", {"rebuild"}),
        ("murmur", "admin mode alice pu", {"push", "pull"}),
        ("murmur", "home --fol", {"--follow"}),
        ("murmurd", "do", {"doctor"}),
        ("murmurd", "config ", {"show", "check"}),
        ("murmurd", "up --met", {"--metrics-port"}),
    ],
)
def test_what_is_offered(program: str, line: str, offered: set[str]) -> None:
    assert completed(program, line) == offered
