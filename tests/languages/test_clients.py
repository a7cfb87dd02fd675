"""The clients in other languages, built by their own tools as docs/languages.md shows it, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks
from tests.process.running import Server
from tools.toolchains import GO, NODE, Toolchain

PAGE = ROOT / "docs" / "languages.md"
DOCUMENTED_TARGET = "127.0.0.1:7700"
BUILD_SECONDS = 540
"""The first build fetches packages and compiles gRPC."""
MAY_BE_MISSING = os.environ.get("MISSING") == "skip"


@pytest.mark.languages
@pytest.mark.timeout(BUILD_SECONDS + 60)
@pytest.mark.parametrize("toolchain", [pytest.param(GO, id="Go"), pytest.param(NODE, id="TypeScript")])
def test_the_commands_of_the_page_print_what_it_shows(toolchain: Toolchain, tmp_path: Path) -> None:
    if missing := toolchain.missing():
        (pytest.skip if MAY_BE_MISSING else pytest.fail)(missing)
    found = blocks(PAGE)
    here = next(n for n, block in enumerate(found) if block.text.startswith(f"cd clients/{toolchain.folder}\n"))
    commands, shown = found[here].text, found[here + 1]
    assert shown.language == "text"
    with Server(tmp_path / "data") as server:
        done = subprocess.run(
            ["bash", "-euc", commands.replace(DOCUMENTED_TARGET, server.target)],
            cwd=ROOT,
            env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
    assert done.stdout.endswith(shown.text), done.stdout  # Above it stands what building prints.
