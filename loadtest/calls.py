"""A call, timed and recorded: how long it took, from when it should have begun, and what was wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from loadtest.checks import Wrong
from murmuration_client import MurmurationError

_Answer = TypeVar("_Answer")

CALL = "call"
VISIBLE = "delivery"
GENERATOR = "generator"
"""Kinds of rows: calls to the system, from ack to visible, and how the generator itself keeps up."""


class CallFailed(Exception):
    """An error of the API: its status and its reason, so that equal ones are counted together."""


class Record(Protocol):
    def __call__(self, kind: str, row: str, seconds: float, failure: Exception | None = None) -> None: ...


@dataclass(frozen=True)
class Timing:
    """now: seconds, of a clock that only goes forward. sleep: seconds."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


def recorded(
    record: Record, timing: Timing, row: str, call: Callable[[], _Answer], *, since: float | None = None
) -> _Answer | None:
    """The answer, or None where the call failed or its answer was wrong. since: the intended beginning, if not now."""
    began = timing.now() if since is None else since
    try:
        answer = call()
    except MurmurationError as error:
        record(CALL, row, timing.now() - began, CallFailed(f"{error.code.name} {error.reason}"))
        return None
    except Wrong as error:
        record(CALL, row, timing.now() - began, error)
        return None
    record(CALL, row, timing.now() - began)
    return answer
