"""A wrapper of any port that makes calls of one's choice fail."""

from __future__ import annotations

from typing import Any


class Broken(Exception):
    """Nothing that a caller may try again: a server answers INTERNAL."""


class Breakable:
    """Passes everything on, but for calls of the methods named in `broken`."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.broken: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        if name in self.broken:
            return self._fail
        return getattr(self._port, name)

    def _fail(self, *_arguments: object, **_options: object) -> Any:
        raise Broken("a test makes this call fail")
