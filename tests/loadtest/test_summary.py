"""What a load found, from Locust's figures: the same words whether an error comes from this process or a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loadtest.calls import CALL, VISIBLE, CallFailed
from loadtest.checks import NOT_DELIVERED, Wrong
from loadtest.summary import Finding, summarize

if TYPE_CHECKING:
    from locust.runners import Runner


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Locust's own, of one process; nothing runs, and the waits of this process stay as they are."""
    monkeypatch.setenv("LOCUST_SKIP_MONKEY_PATCH", "1")
    from locust.env import Environment

    return Environment(user_classes=[]).create_local_runner()


def record(runner: Runner, kind: str, row: str, *, times: int = 1, failure: Exception | str | None = None) -> None:
    for _ in range(times):
        runner.stats.log_request(kind, row, 12, 0)
        if failure is not None:
            runner.stats.log_error(kind, row, failure)


def test_a_sound_run_has_not_failed(runner: Runner) -> None:
    record(runner, CALL, "home", times=200)
    record(runner, CALL, "home", failure=CallFailed("UNAVAILABLE STORE_UNAVAILABLE"))
    summary = summarize(runner)
    assert summary.failure() == ""
    assert summary.calls == 201
    assert summary.findings == [Finding("home", "UNAVAILABLE STORE_UNAVAILABLE", 1, wrong=False)]


@pytest.mark.parametrize("failure", [Wrong(NOT_DELIVERED), repr(Wrong(NOT_DELIVERED))])
def test_one_broken_promise_fails_a_run(runner: Runner, failure: Exception | str) -> None:
    record(runner, VISIBLE, "post to visible", times=10_000)
    record(runner, CALL, "post", times=10_000)
    record(runner, VISIBLE, "post to visible", failure=failure)
    summary = summarize(runner)
    assert summary.findings == [Finding("post to visible", NOT_DELIVERED, 1, wrong=True)]
    assert summary.failure() == "Promises were broken 1 times."


def test_too_many_failed_calls_fail_a_run(runner: Runner) -> None:
    record(runner, CALL, "home", times=10_000)
    record(runner, CALL, "post", times=97)
    record(runner, CALL, "post", times=3, failure=CallFailed("UNAVAILABLE UNSPECIFIED"))
    assert summarize(runner).failure() == "Of 100 in the row 'post', 3 failed: more than 1%."


def test_a_run_without_calls_proves_nothing(runner: Runner) -> None:
    record(runner, "generator", "step begun late by")
    assert summarize(runner).failure() == "Not one call was made."


def test_an_error_of_the_generator_fails_a_run(runner: Runner) -> None:
    record(runner, CALL, "home")
    runner.log_exception("local", "list index out of range", "")
    assert summarize(runner).failure() == "The generator itself has failed 1 times; its log says where."
