"""Wrappers of ports that make calls of one's choice fail."""

from __future__ import annotations

from collections.abc import Callable, Set
from functools import partial
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


class Unfilled:
    """A cache that no `failing` one of `add_many` and `cas_many` gets an answer from. `done`: what they ask for is done
    all the same."""

    def __init__(self, cache: Any, *failing: str, done: bool = False) -> None:
        self._cache, self._done = cache, done
        self.failing = set(failing)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._cache, name)
        return partial(self._unanswered, found) if name in self.failing else found

    def _unanswered(self, found: Callable[..., Any], *arguments: object) -> Set[Any]:
        if self._done:
            found(*arguments)
        return frozenset()
