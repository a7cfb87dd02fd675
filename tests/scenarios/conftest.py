"""Worlds for stories: the system with limits of one to three beside the reference model, on files or real servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.assembly import CACHE_BYTES, Assembly, small_constants
from tests.support.engines import Engine, FileEngine, StackEngine
from tests.support.world import World


@pytest.fixture(params=["files", pytest.param("stack", marks=pytest.mark.stack)])
def make_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """`make_world(people, cache_bytes=0, section={setting: value})`: a world with so many users, closed at the end."""
    with ExitStack() as open_now:

        def make(users: int = 0, *, cache_bytes: int = CACHE_BYTES, small: bool = True, **change: Any) -> World:
            if small:
                open_now.enter_context(small_constants())
            engine: Engine
            if request.param == "files":
                engine = FileEngine(tmp_path / f"data-{len(made)}")
            else:
                engine = StackEngine(cached=bool(cache_bytes))
            system = Assembly(engine, change, cache_bytes=cache_bytes, small=small)
            made.append(system)
            open_now.callback(system.close)
            world = World(system)
            for _ in range(users):
                world.create_user()
            return world

        made: list[Assembly] = []
        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """Four users, who have nothing to do with each other so far."""
    return make_world(4)
