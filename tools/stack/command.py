"""What the commands of the stack share: refusals, signals, progress, and a folder that goes when they end."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tools.stack.needs import missing

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130


def refusal() -> str:
    """What this machine lacks, all of it at once; empty where nothing."""
    lacks = missing()
    return "\n  ".join(["stack: this machine lacks what it needs:", *lacks]) if lacks else ""


def say(line: str) -> None:
    """Progress, for people: beside what is printed, never within."""
    print(line, file=sys.stderr, flush=True)


def signals_interrupt() -> None:
    """From now on SIGTERM and SIGHUP do as Ctrl-C does: they raise KeyboardInterrupt."""
    for number in ENDING:
        signal.signal(number, _interrupt)


def calm() -> None:
    """From now on signals do nothing: nobody leaves before all is cleared away."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def wait_for_signal() -> None:
    """Until Ctrl-C or SIGTERM, after `signals_interrupt`."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass  # what it waits for


@contextmanager
def work_folder(kept: Path | None) -> Iterator[Path]:
    """That folder, made where it is not there; or a temporary one that is gone after the block."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    folder = Path(tempfile.mkdtemp(prefix="murmuration-stack-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    raise KeyboardInterrupt
