"""The programs that a load starts: Locust, and the bare server of its ceiling. Each ends with its block."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
STOP_SECONDS = 10.0


class ProgramFailed(Exception):
    """A program ended that should not have, or said nothing; the message says where its words are."""


@contextmanager
def locust(file: str, target: str, options: Sequence[str], out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs loadtest/`file` against a target; what it says goes into `out`. Ended with the block, its workers too."""
    name = Path(file).stem
    command = [sys.executable, "-m", "locust", "-f", str(CHECKOUT / "loadtest" / file), "--host", target]
    command += ["--logfile", str(out / f"{name}.log"), "--report", str(out), *options]
    with (out / f"{name}.txt").open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the starter, which then ends it
        )
    try:
        yield process
    finally:
        _end(process)


@contextmanager
def bare_server(answer: bytes, out: Path) -> Iterator[str]:
    """Yields the target of a server that answers so. Raises ProgramFailed."""
    path = out / "page.bin"
    path.write_bytes(answer)
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest.bare", str(path)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise ProgramFailed("The bare server has ended before it was ready.")
        yield f"127.0.0.1:{port.decode()}"
    finally:
        process.communicate()  # the end of its input stops it


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and to the whole group SIGKILL for what is left: Locust's workers are of its group."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
