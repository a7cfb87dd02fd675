"""A whole system of its own for the commands of the documents."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT

BIN = Path(sys.executable).parent
READY_SECONDS = 60
COMMAND_SECONDS = 60
DOCUMENTED_TARGET = "127.0.0.1:7700"


@dataclass(frozen=True)
class Running:
    """`target`: where the server is. `folder`: in which commands run; it has a copy of the API's schema."""

    target: str
    folder: Path

    def here(self, text: str) -> str:
        """The text with this server's address in place of the one that documents name."""
        return text.replace(DOCUMENTED_TARGET, self.target)

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-euc", self.here(command)],
            cwd=self.folder,
            env=_environment() | {"MURMUR_TARGET": self.target},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """`murmurd up` on free ports, with its data below `folder`; stopped as an operator stops it."""
    shutil.copytree(ROOT / "protos", folder / "protos", ignore=shutil.ignore_patterns("__pycache__"))
    command = [BIN / "murmurd", "up", "--port", "0", "--metrics-port", "0", "--data", folder / "data", "--json"]
    with (folder / "murmurd.log").open("w+") as log:
        server = subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert server.stdout is not None
            said = server.stdout.readline() if select.select([server.stdout], [], [], READY_SECONDS)[0] else ""
            log.seek(0)
            assert said, f"murmurd did not start: {log.read()}"
            yield Running(f"127.0.0.1:{json.loads(said)['port']}", folder)
        finally:
            server.terminate()
            server.communicate(timeout=COMMAND_SECONDS)
    assert server.returncode == 0


def _environment() -> dict[str, str]:
    """Without what the desk's shell says about Murmuration; with the environment's commands."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MURMUR_", "MURMURATION_"))}
    return kept | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "TZ": "UTC", "COLUMNS": "100"}
