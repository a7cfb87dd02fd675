"""Disks that are full, without filling this machine's: a small file system where that may be mounted, else a limit of
the size of files, which SQLite meets as a disk that fails."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.process.running import Server, processes_of

SMALL_BYTES = 24 << 20
"""Room for a new data folder: each of its seven files has a WAL of up to 4 MiB beside it."""


class SmallDisk(Protocol):
    def fill(self, server: Server) -> None: ...

    def free(self, server: Server) -> None: ...


class SmallFileSystem:
    """A tmpfs of some MiB."""

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def fill(self, server: Server) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def free(self, server: Server) -> None:
        self._ballast.unlink()


class SizeLimit:
    """RLIMIT_FSIZE of each process that runs for the folder: no file of it grows any more (setrlimit(2))."""

    def fill(self, server: Server) -> None:
        self._limit(server, 1)

    def free(self, server: Server) -> None:
        self._limit(server, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(server: Server, size: int) -> None:
        for pid in processes_of(server.data):
            hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(size, hard) if hard >= 0 else size, hard))


def may_mount() -> bool:
    """Whether this process may mount: root outside of a container that forbids it."""
    if os.geteuid() != 0:
        return False
    # CLONE_NEWNS in a child: nothing of it is left behind.
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@contextmanager
def small_file_system(folder: Path, size: int = SMALL_BYTES, options: str = "") -> Iterator[Path]:
    """Mounted at `folder` for as long as the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount(folder, 0, f"size={size}{options}")
    try:
        yield folder
    finally:
        libc().umount2(str(folder).encode(), MNT_DETACH)


MS_RDONLY, MS_REMOUNT, MNT_DETACH = 1, 32, 2


def make_read_only(folder: Path) -> None:
    _mount(folder, MS_REMOUNT | MS_RDONLY, "")


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _mount(folder: Path, flags: int, options: str) -> None:
    if libc().mount(b"tmpfs", str(folder).encode(), b"tmpfs", flags, options.encode()):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(folder))
