"""Where the time goes: py-spy on the processes of the system while it is measured."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FOLDER = Path(__file__).with_name("profiles")
SAMPLES_PER_SECOND = "200"
WRITE_SECONDS = 60.0


@contextmanager
def recorded(processes: Mapping[str, int], folder: Path) -> Iterator[list[Path]]:
    """Records each process (name to pid) for as long as the block runs. Yields the files: flame graphs as SVG, of the
    threads that hold the interpreter's lock only, since that lock is what a Python process has to share out."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.svg" for name in processes]
    spy = Path(sys.executable).with_name("py-spy")
    recorders = [
        subprocess.Popen(  # noqa: S603 - of our own environment
            [spy, "record", "--gil", "--rate", SAMPLES_PER_SECOND, "--pid", str(pid), "--output", file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for pid, file in zip(processes.values(), files, strict=True)
    ]
    try:
        yield files
    finally:
        for recorder in recorders:
            recorder.send_signal(signal.SIGINT)
        for recorder in recorders:
            recorder.wait(WRITE_SECONDS)
