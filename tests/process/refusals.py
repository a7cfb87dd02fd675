"""What `murmurd up` says when it cannot start."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.process.running import command, environment, processes_of

GIVE_UP_SECONDS = 40


@dataclass
class Refusal:
    """What `murmurd up` said and did that could not start."""

    status: int
    said: str
    printed: str

    def says(self, *parts: str) -> None:
        assert self.status == 1, (self.status, self.said)
        assert self.said.startswith("murmurd: "), self.said
        assert len(self.said.splitlines()) == 1, self.said
        assert "Traceback" not in self.said
        assert "ready" not in self.printed
        for part in parts:
            assert part in self.said


def refused(data: Path, *options: str, settings: Mapping[str, object] | None = None) -> Refusal:
    """Starts it on any free ports, unless `options` name some; fails where it leaves a process behind."""
    for option in ("--port", "--metrics-port"):
        options = options if option in options else (*options, option, "0")
    others = processes_of(data)
    done = subprocess.run(
        command(data, "--json", *options),
        env=environment(settings or {}),
        capture_output=True,
        text=True,
        timeout=GIVE_UP_SECONDS,
        check=False,
    )
    assert processes_of(data) == others
    return Refusal(done.returncode, done.stderr.strip(), done.stdout)
