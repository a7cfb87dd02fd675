"""The driver's failures as errors of ours."""

from __future__ import annotations

from cassandra import (
    CoordinationFailure,
    OperationTimedOut,
    RequestExecutionException,
    Timeout,
    WriteTimeout,
    WriteType,
)
from cassandra import Unavailable as NotEnoughReplicas
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.protocol import OverloadedErrorMessage, ServerError
from cassandra.protocol import RequestExecutionException as Refused

from murmuration_server.platform.errors import MurmurationError, Overloaded, Unavailable
from murmuration_server.platform.unusable import CannotStart

DATABASE = "the database"


class CqlUnusable(CannotStart):
    """The database or the driver cannot be used; the message says why and what to do."""


class CqlSilent(CqlUnusable):
    """No node answers: it may be starting."""


class OutcomeUnknown(Unavailable):
    """A lightweight transaction got no answer: it may have been applied, or be applied later. A serial read tells."""

    def __init__(self) -> None:
        super().__init__(f"{DATABASE} (whether the change was made is not known yet)")


FAILURES = (
    CoordinationFailure,
    OperationTimedOut,
    RequestExecutionException,
    Timeout,
    NoHostAvailable,
    ConnectionException,
    Refused,
    ServerError,
)
"""What the driver raises where servers fail. Anything else (a statement that is wrong) is a fault of ours."""


def may_fall_back(error: BaseException) -> bool:
    """Whether fewer replicas may still answer: there were not enough, or they did not answer in time."""
    return isinstance(error, NotEnoughReplicas | Timeout | CoordinationFailure)


def translate(error: BaseException, *, conditional: bool) -> MurmurationError:
    """The error for one of `FAILURES`."""
    causes = list(error.errors.values()) if isinstance(error, NoHostAvailable) else [error]
    if causes and all(isinstance(cause, OverloadedErrorMessage) for cause in causes):
        return Overloaded(DATABASE)
    if conditional and any(_unknown(cause) for cause in causes):
        return OutcomeUnknown()
    return Unavailable(f"{DATABASE} ({_sentence(error)})")


def _unknown(error: object) -> bool:
    if isinstance(error, WriteTimeout):
        # SIMPLE: agreed on, and not yet written everywhere.
        return error.write_type in (WriteType.CAS, WriteType.SIMPLE)
    return isinstance(error, OperationTimedOut | Timeout | CoordinationFailure | ConnectionException)


def _sentence(error: BaseException) -> str:
    if isinstance(error, NotEnoughReplicas):
        return f"{error.alive_replicas} replicas of {error.required_replicas} are there"
    if isinstance(error, NoHostAvailable):
        return "no node answers"
    return type(error).__name__
