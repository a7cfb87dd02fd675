"""Where the time goes: py-spy on the processes of the system while it is measured."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.failures import NotRecorded

FOLDER = Path(__file__).with_name("profiles")
# Processes are not stopped for each sample: a measurement may hold one itself.
OPTIONS = ("record", "--nonblocking", "--rate", "200")
WRITE_SECONDS = 60.0


@contextmanager
def recorded(processes: Mapping[str, int], folder: Path) -> Iterator[list[Path]]:
    """Records each process (name to pid) for as long as the block runs. Yields the files: flame graphs as SVG, of
    threads while they use a core (those that wait for the interpreter's lock, a file or a call are left out). Raises
    NotRecorded."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{name}.svg" for name in processes]
    for file in files:
        file.unlink(missing_ok=True)
    spy = Path(sys.executable).with_name("py-spy")
    recorders = [
        subprocess.Popen(  # noqa: S603 - of our own environment
            [spy, *OPTIONS, "--pid", str(pid), "--output", file],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for pid, file in zip(processes.values(), files, strict=True)
    ]
    try:
        yield files
    finally:
        for recorder in recorders:
            recorder.send_signal(signal.SIGINT)
        said = [recorder.communicate(timeout=WRITE_SECONDS)[1].decode(errors="replace") for recorder in recorders]
    for file, words in zip(files, said, strict=True):
        if not file.exists():
            last = (words.strip().splitlines() or ["it said nothing"])[-1]
            raise NotRecorded(
                f"py-spy wrote no {file.name} ({last}). It must be allowed to read other processes' memory: run as "
                "root, or with kernel.yama.ptrace_scope=0."
            )
