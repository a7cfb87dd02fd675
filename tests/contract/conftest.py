"""Each suite names its adapters in ADAPTERS; its tests take what they need of one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from murmuration_server.platform.call import Call
from tests.support.contract_adapters import Adapter, Place

STACK_SECONDS = 400


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "adapter" not in metafunc.fixturenames:
        return
    name = metafunc.function.__name__
    metafunc.parametrize("adapter", [_param(adapter, name) for adapter in metafunc.module.ADAPTERS])


def _param(adapter: Adapter, test: str) -> Any:
    reason = adapter.opt_outs.get(test)
    marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
    if adapter.stack:
        # The first of them waits for the servers to start.
        marks += [pytest.mark.stack, pytest.mark.timeout(STACK_SECONDS)]
    return pytest.param(adapter, id=adapter.name, marks=marks)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    # Tests of one adapter alone have none to choose.
    if "adapter" in request.fixturenames:
        request.getfixturevalue("adapter").prepare(made)
    yield made
    made.close()


@pytest.fixture
def call(place: Place) -> Call:
    return Call.background(place.runtime, 600)


@pytest.fixture
def open_store(adapter: Adapter, place: Place) -> Callable[[], Any]:
    """Opens the store under test, again or beside the one that is open."""
    return lambda: place.keep(adapter.open(place))


@pytest.fixture
def open_reader(adapter: Adapter, place: Place) -> Callable[[], Any]:
    """Opens it as a process does that only reads."""
    return lambda: place.keep((adapter.open_reader or adapter.open)(place))


@pytest.fixture
def store(open_store: Callable[[], Any]) -> Any:
    return open_store()
