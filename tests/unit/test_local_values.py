"""Values that a process keeps for a while: what it changes itself it sees at once, the rest a little later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pytest

from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Kind
from murmuration_server.cache.local import LocalValues
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.platform.call import Call
from murmuration_server.platform.metrics import Metrics
from tests.support.contract_clock import SetClock

SECONDS = 4.0


class Shared:
    """A store, and processes with a cache in common."""

    def __init__(self) -> None:
        self.runtime = SetClock()
        self.memory = MemoryCache(self.runtime)
        self.stored = {1: "one", 2: "two"}
        self.loads: list[int] = []
        self.call = Call.background(self.runtime, 1000)

    def process(self, *, local: bool = True, never_changes: bool = False) -> Callable[..., dict[int, str]]:
        cache = Cache(self.memory, self.runtime, Metrics(), local=local)
        kind: Kind[str] = Kind(
            "word",
            1,
            60.0,
            self._load,
            encode=str.encode,
            decode=bytes.decode,
            local_seconds=SECONDS,
            never_changes=never_changes,
        )

        def read(*ids: int) -> dict[int, str]:
            return cache.get_each(self.call, kind, ids)

        read.cache, read.kind = cache, kind  # type: ignore[attr-defined]
        return read

    def _load(self, call: Call, ids: Sequence[int]) -> Mapping[int, str]:
        self.loads += ids
        return {id_: self.stored[id_] for id_ in ids if id_ in self.stored}


@pytest.fixture
def shared() -> Shared:
    return Shared()


def test_what_is_kept_is_not_asked_for_again_until_its_time_is_over(shared: Shared) -> None:
    read = shared.process()
    assert read(1, 2) == {1: "one", 2: "two"}
    shared.memory.flush(shared.call)
    assert read(1, 2) == {1: "one", 2: "two"}
    assert shared.loads == [1, 2]
    shared.runtime.pass_time(SECONDS)
    assert read(1) == {1: "one"}
    assert shared.loads == [1, 2, 1]


@pytest.mark.parametrize("change", ["delete", "overwrite", "edit"])
def test_what_this_process_changes_it_sees_at_once(shared: Shared, change: str) -> None:
    read = shared.process()
    read(1)
    shared.stored[1] = "new"
    rest = {"delete": (), "overwrite": ("new",), "edit": (lambda _: "new",)}[change]
    getattr(read.cache, change)(shared.call, read.kind, 1, *rest)  # type: ignore[attr-defined]
    assert read(1) == {1: "new"}


def test_what_another_process_changes_is_seen_when_the_time_is_over(shared: Shared) -> None:
    read, other = shared.process(), shared.process()
    read(1)
    shared.stored[1] = "new"
    other.cache.delete(shared.call, other.kind, 1)  # type: ignore[attr-defined]
    shared.runtime.pass_time(SECONDS)
    assert read(1) == {1: "new"}


def test_a_process_that_may_not_keep_values_sees_every_change_at_once(shared: Shared) -> None:
    read, other = shared.process(local=False), shared.process()
    read(1)
    shared.stored[1] = "new"
    other.cache.delete(shared.call, other.kind, 1)  # type: ignore[attr-defined]
    assert read(1) == {1: "new"}


def test_what_never_changes_every_process_may_keep(shared: Shared) -> None:
    read = shared.process(local=False, never_changes=True)
    read(1)
    shared.memory.flush(shared.call)
    assert read(1) == {1: "one"}
    assert shared.loads == [1]


def test_what_was_changed_while_it_was_read_is_not_kept() -> None:
    values = LocalValues(SetClock(), SECONDS)
    before = values.changes()
    values.drop(1)
    values.keep({1: "read before the change"}, before)
    found: dict[int, str] = {}
    assert values.split([1], found) == [1]
    assert found == {}


def test_the_oldest_goes_first() -> None:
    values = LocalValues(SetClock(), SECONDS, kept=2)
    for id_ in (1, 2, 3):
        values.keep({id_: "value"}, values.changes())
    assert values.split([1, 2, 3], {}) == [1]
