"""Whether a SQLite file was written since, without a step of SQLite: the header of its WAL's index.

Each commit, of whatever process, changes the header in the shared memory of all who have the file open, before the
commit returns (https://sqlite.org/walformat.html, "The WAL-Index Header"; SQLite's own readers compare it likewise).
`PRAGMA data_version` says the same, but costs a step, and with it the interpreter's lock: docs/adr/0020.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path

HEADER_BYTES = 48
"""The first of its two copies; a writer changes the second one first."""


class WalIndex:
    """Of a file that this process has open in WAL mode. Raises OSError where there is no index.

    `close` only when SQLite has closed the file: closing any descriptor of a file gives up all the locks that the
    process has on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._map = mmap.mmap(self._file, HEADER_BYTES, access=mmap.ACCESS_READ)
        except ValueError as error:
            raise OSError(f"{path}-shm is too short") from error

    def header(self) -> bytes:
        return self._map[:HEADER_BYTES]

    def close(self) -> None:
        self._map.close()
        os.close(self._file)
