"""A process of a role begins when the database answers, and says why where it never does."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import CqlSettings, Settings
from murmuration_server.platform.metrics import Metrics
from murmuration_server.platform.runtime import ThreadRuntime
from murmuration_server.platform.unusable import CannotStart
from murmuration_server.roles import engine
from murmuration_server.roles.engine import open_engine
from tools.stack.process import free_port

SETTINGS = Settings(cql=CqlSettings(port=free_port(), connect_timeout_ms=500))


def test_a_database_that_never_answers_ends_the_start_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []
    runtime = ThreadRuntime()

    class Counted(engine.Engine):
        def __init__(self, *arguments: object) -> None:
            tried.append(runtime.monotonic())
            super().__init__(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(engine, "Engine", Counted)
    monkeypatch.setattr(engine, "LOOK_AGAIN_SECONDS", 0.05)
    with ExitStack() as closing, pytest.raises(CannotStart, match=r"No node of the database answers .* check cql"):
        open_engine(lambda: SETTINGS, runtime, Metrics(), "me", Call.background(runtime, 2), closing, runtime.event())
    assert len(tried) > 1
