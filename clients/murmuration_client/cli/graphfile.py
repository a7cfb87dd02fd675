"""Reads a graph: lines of two integers, follower and followee, with a tab between; plain or gzip."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

MAX_HANDLE = 15
MAX_LINE_BYTES = 64
_GZIP_MAGIC = b"\x1f\x8b"
_PREFIX = re.compile(r"[A-Za-z0-9_]*")
_LINE = re.compile(rb"([0-9]+)\t([0-9]+)\r?\n?")


class GraphFileError(Exception):
    """The file cannot be used; the message names the line."""


@dataclass
class Graph:
    """A graph in memory, about 100 bytes a follow. lines: lines read. duplicates: those that repeat an earlier one."""

    prefix: str
    lines: int = 0
    duplicates: int = 0
    _numbers: dict[int, int] = field(default_factory=dict)  # user -> place in the order of first appearance
    _follows: dict[int, None] = field(default_factory=dict)  # follower's place << 32 | followee's place, in file order

    def add(self, follower: int, followee: int, *, both_ways: bool) -> None:
        """Adds a line's follow, and with both_ways the one back."""
        first, second = self._number(follower), self._number(followee)
        self.lines += 1
        if first << 32 | second in self._follows:
            self.duplicates += 1
        self._follows[first << 32 | second] = None
        if both_ways:
            self._follows[second << 32 | first] = None

    @property
    def user_count(self) -> int:
        return len(self._numbers)

    @property
    def follow_count(self) -> int:
        return len(self._follows)

    def users(self) -> Iterator[tuple[str, str]]:
        """(handle, display name) of each user; the name is empty."""
        for user in self._numbers:
            yield self.handle(user), ""

    def follows(self) -> Iterator[tuple[str, str]]:
        """(follower's handle, followee's handle) of each follow, once."""
        handles = [self.handle(user) for user in self._numbers]
        for packed in self._follows:
            yield handles[packed >> 32], handles[packed & 0xFFFFFFFF]

    def handle(self, user: int) -> str:
        return f"{self.prefix}{user}"

    def _number(self, user: int) -> int:
        return self._numbers.setdefault(user, len(self._numbers))


def read_graph(
    path: Path, *, prefix: str = "u", both_ways: bool = False, progress: Callable[[int], None] | None = None
) -> Graph:
    """Reads and checks the whole file, so that a bad line is found before anything is sent.

    prefix: what makes a handle of an id: 17 -> u17. both_ways: each line is two follows. progress: called now and then
    with the lines read. Raises GraphFileError: a bad line, a self-follow, an id too long for a handle, a broken file.
    """
    if not _PREFIX.fullmatch(prefix):
        raise GraphFileError(f"The prefix {prefix!r} does not fit into a handle: letters, digits and underscores do.")
    graph = Graph(prefix)
    try:
        with path.open("rb") as raw:
            for number, line in _lines(raw):
                follower, followee = _parse(line, number, max_digits=MAX_HANDLE - len(prefix))
                graph.add(follower, followee, both_ways=both_ways)
                if progress is not None and number % 10_000 == 0:
                    progress(number)
    except (OSError, EOFError, zlib.error) as error:
        raise GraphFileError(f"{path} cannot be read after line {graph.lines}: {error}.") from None
    return graph


def _lines(raw: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Numbered lines from 1, unpacked if need be; a line too long is cut, which makes it a bad one."""
    magic = raw.read(len(_GZIP_MAGIC))
    raw.seek(0)
    source = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if magic == _GZIP_MAGIC else raw
    number = 0
    while line := source.readline(MAX_LINE_BYTES):
        number += 1
        yield number, line


def _parse(line: bytes, number: int, *, max_digits: int) -> tuple[int, int]:
    match = _LINE.fullmatch(line)
    if match is None:
        shown = line.decode("utf-8", "replace").rstrip("\r\n")
        raise GraphFileError(f"Line {number} is not two whole numbers with a tab between: {shown!r}.")
    follower, followee = int(match[1]), int(match[2])
    for user in (follower, followee):
        if len(str(user)) > max_digits:
            raise GraphFileError(f"Line {number}: the id {user} is too long for a handle of {MAX_HANDLE} characters.")
    if follower == followee:
        raise GraphFileError(f"Line {number}: user {follower} would follow himself.")
    return follower, followee
