"""What a process holds, from /proc (proc(5)), and whether it lets go of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.process.running import until

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MORE_THREADS = 160
"""The pool grows to its size, which is bounded: 16 that work and 128 that wait; and some for internal calls."""
MORE_SOCKETS = 1
"""The neighbour's, which may be gone at one look and not at the other."""
MORE_OTHER_FILES = 160
"""SQLite's, two a connection: of 16 calls that read at once, from five files."""
MORE_BYTES = 64 << 20
"""Of the allocator, which keeps what it once had. What grows with each attack is seen by `stays_flat`."""
FLAT_BYTES = 1 << 20
ROUNDS = 40
"""Each thread that takes up a call has memory of its own to be warmed; there are many."""


@dataclass(frozen=True)
class Footprint:
    sockets: int
    other_files: int
    threads: int
    resident_bytes: int


class Process:
    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._folder = Path(f"/proc/{pid}")

    def footprint(self) -> Footprint:
        links = self._links()
        sockets = sum(link.startswith("socket:") for link in links)
        resident = int((self._folder / "statm").read_text().split()[1]) * PAGE_BYTES
        return Footprint(sockets, len(links) - sockets, len(list((self._folder / "task").iterdir())), resident)

    def sockets(self) -> int:
        return self.footprint().sockets

    def peak_bytes(self) -> int:
        """The most that was ever resident."""
        lines = (self._folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024

    def returns_to(self, before: Footprint) -> None:
        def returned() -> bool:
            now = self.footprint()
            return (
                now.sockets <= before.sockets + MORE_SOCKETS
                and now.other_files <= before.other_files + MORE_OTHER_FILES
                and now.threads <= before.threads + MORE_THREADS
                and now.resident_bytes <= before.resident_bytes + MORE_BYTES
            )

        try:
            until(f"{before} to come again", returned)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.footprint()}") from None

    def stays_flat(self, attack: Callable[[], object]) -> None:
        """Once the allocator has what it needs, another attack takes nothing. What leaks takes more each time."""
        grown = []
        for _ in range(ROUNDS):
            before = self.footprint().resident_bytes
            attack()
            grown.append(self.footprint().resident_bytes - before)
            if len(grown) > 1 and grown[-1] <= FLAT_BYTES:
                return
        raise AssertionError(f"memory grew each time, by {grown} bytes")

    def _links(self) -> list[str]:
        links = []
        for path in (self._folder / "fd").iterdir():
            try:
                links.append(str(path.readlink()))
            except OSError:
                pass  # Closed while we looked.
        return links
