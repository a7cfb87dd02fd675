"""What is tried again against the database, and what a failure becomes."""

from __future__ import annotations

from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import ConsistencyLevel, InvalidRequest, OperationTimedOut, ReadTimeout, WriteTimeout, WriteType
from cassandra import Unavailable as NotEnoughReplicas
from cassandra.cluster import NoHostAvailable
from cassandra.protocol import OverloadedErrorMessage

from murmuration_server.platform.config import CqlSettings
from murmuration_server.platform.cql.failures import FAILURES, OutcomeUnknown, may_fall_back, translate
from murmuration_server.platform.cql.policy import (
    HURRIED,
    LONGEST_LOOK_SECONDS,
    PATIENT,
    RETRIES,
    RetryWhatIsSafe,
    profiles,
    reconnection,
)
from murmuration_server.platform.errors import Overloaded, Unavailable

QUORUM = ConsistencyLevel.LOCAL_QUORUM
SAFE, CONDITIONAL = SimpleNamespace(is_idempotent=True), SimpleNamespace(is_idempotent=False)
POLICY = RetryWhatIsSafe()
WRITE = {"write_type": WriteType.SIMPLE, "required_responses": 2, "received_responses": 1}
READ = {"required_responses": 2, "received_responses": 1, "data_retrieved": False}


def test_a_read_or_write_without_an_answer_is_tried_once_more() -> None:
    assert POLICY.on_read_timeout(SAFE, QUORUM, retry_num=0, **READ) == (POLICY.RETRY_NEXT_HOST, QUORUM)
    assert POLICY.on_write_timeout(SAFE, QUORUM, retry_num=0, **WRITE) == (POLICY.RETRY, QUORUM)
    assert POLICY.on_read_timeout(SAFE, QUORUM, retry_num=1, **READ)[0] == POLICY.RETHROW
    assert POLICY.on_write_timeout(SAFE, QUORUM, retry_num=1, **WRITE)[0] == POLICY.RETHROW


def test_a_conditional_write_that_may_have_been_sent_is_not_tried_again() -> None:
    assert POLICY.on_write_timeout(CONDITIONAL, QUORUM, retry_num=0, **WRITE)[0] == POLICY.RETHROW
    assert POLICY.on_request_error(CONDITIONAL, QUORUM, error=None, retry_num=0)[0] == POLICY.RETHROW


def test_what_no_replica_has_seen_goes_to_another_node_once() -> None:
    few = {"required_replicas": 2, "alive_replicas": 1}
    for query in (SAFE, CONDITIONAL):
        assert POLICY.on_unavailable(query, QUORUM, retry_num=0, **few)[0] == POLICY.RETRY_NEXT_HOST
        assert POLICY.on_unavailable(query, QUORUM, retry_num=1, **few)[0] == POLICY.RETHROW


def test_failed_connections_are_passed_over_a_few_times() -> None:
    answers = [POLICY.on_request_error(SAFE, QUORUM, error=None, retry_num=n)[0] for n in range(RETRIES + 1)]
    assert answers == [POLICY.RETRY_NEXT_HOST] * RETRIES + [POLICY.RETHROW]


@pytest.mark.parametrize(
    ("error", "conditional", "expected"),
    [
        (OperationTimedOut(), False, Unavailable),
        (OperationTimedOut(), True, OutcomeUnknown),
        (WriteTimeout("", write_type=WriteType.CAS), True, OutcomeUnknown),
        (WriteTimeout("", write_type=WriteType.SIMPLE), True, OutcomeUnknown),
        (WriteTimeout("", write_type=WriteType.SIMPLE), False, Unavailable),
        (NotEnoughReplicas("", required_replicas=2, alive_replicas=1), True, Unavailable),
        (NoHostAvailable("", {"a": OverloadedErrorMessage(0, "", None)}), False, Overloaded),
        (NoHostAvailable("", {}), False, Unavailable),
        (NoHostAvailable("", {"a": OperationTimedOut()}), True, OutcomeUnknown),
    ],
)
def test_failures_are_errors_of_ours(error: Any, conditional: bool, expected: type[Exception]) -> None:
    assert isinstance(error, FAILURES)
    assert type(translate(error, conditional=conditional)) is expected


def test_a_wrong_statement_is_no_failure_of_the_database() -> None:
    assert not isinstance(InvalidRequest(""), FAILURES)


def test_one_replica_is_asked_only_where_the_others_are_missing() -> None:
    assert may_fall_back(NotEnoughReplicas("", required_replicas=2, alive_replicas=1))
    assert may_fall_back(ReadTimeout(""))
    assert not may_fall_back(OperationTimedOut())
    assert not may_fall_back(NoHostAvailable("", {}))


def test_a_node_that_was_away_for_long_is_looked_for_as_often_as_ever() -> None:
    pauses = list(islice(reconnection().new_schedule(), 5000))
    assert len(pauses) == 5000
    assert max(pauses) <= LONGEST_LOOK_SECONDS


@pytest.mark.parametrize(
    ("name", "ms", "pauses"), [(HURRIED, 500, [0.5, -1]), (HURRIED, 0, [-1]), (PATIENT, 500, [-1])]
)
def test_one_more_node_is_asked_where_somebody_waits_and_never_a_third(name: Any, ms: int, pauses: list[float]) -> None:
    plan = profiles(CqlSettings(second_request_ms=ms))[name].speculative_execution_policy.new_plan("", None)
    assert [plan.next_execution(None) for _ in pauses] == pauses
