"""The twins' help: what a method of the synchronous client says holds for its twin, so it stands in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_Class = TypeVar("_Class", bound=type)


def documented_as(model: type) -> Callable[[_Class], _Class]:
    """Gives every method and property of a class the docstring of its namesake in `model`, unless it has its own."""

    def document(twin: _Class) -> _Class:
        for name, member in vars(twin).items():
            if not name.startswith("_") and not member.__doc__:
                member.__doc__ = getattr(model, name).__doc__
        return twin

    return document
