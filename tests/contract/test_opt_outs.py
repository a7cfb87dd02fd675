"""An opt-out names a test that exists."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

SUITES = [
    "test_event_log",
    "test_outbox_source",
    *(path.stem for path in Path(__file__).parent.glob("test_*_store.py")),
]


@pytest.mark.parametrize("suite", SUITES)
def test_opt_outs_name_tests(suite: str) -> None:
    module = importlib.import_module(f"tests.contract.{suite}")
    others = {name for other in SUITES for name in dir(importlib.import_module(f"tests.contract.{other}"))}
    for adapter in module.ADAPTERS:
        unknown = set(adapter.opt_outs) - others
        assert not unknown, f"{adapter.name} opts out of tests that do not exist"
        assert all(adapter.opt_outs.values()), f"{adapter.name} opts out without a reason"
