"""A page that is kept beside other processes: how late it may be with what, and of what it cannot be kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from murmuration_server.cache.cache import Cache
from murmuration_server.cache.entries import Entry, Kind
from murmuration_server.cache.memory import MemoryCache
from murmuration_server.cache.port import CacheKey
from murmuration_server.platform.call import Call
from murmuration_server.platform.ingredients import Ingredients
from murmuration_server.platform.metrics import Metrics
from murmuration_server.timeline.validators import Entries, EntriesValidator
from tests.support.contract_clock import SetClock

METRICS = Metrics()
LATE_MS = 600_000
"""So long that what a test itself takes does not matter."""
FOR_EVER = 2**62


class Bench:
    """Two processes on one cache. A page is made of one value of each kind, all of them 1."""

    def __init__(self, late_ms: int = LATE_MS) -> None:
        self.runtime = SetClock()
        self.call = Call.background(self.runtime, 1e9)
        self.store = MemoryCache(self.runtime)
        self.mine, self.other = (Cache(self.store, self.runtime, METRICS, local=False) for _ in range(2))
        self.validator = EntriesValidator(self.store, late_ms)
        self.prompt = self.kind("relations")
        self.late = self.kind("tweet", local_seconds=4.0)
        self.lasting = self.kind("user", local_seconds=3600.0, never_changes=True)

    def kind(self, name: str, local_seconds: float = 0.0, *, never_changes: bool = False) -> Kind[int]:
        return Kind(
            name,
            1,
            3600.0,
            lambda _call, ids: dict.fromkeys(ids, 1),
            encode=lambda value: b"%d" % value,
            decode=int,
            local_seconds=local_seconds,
            never_changes=never_changes,
        )

    def made_of(self) -> Ingredients:
        noted = Ingredients(FOR_EVER)
        call = self.call.noting(noted)
        self.mine.get_many(call, [Entry(self.prompt, 1), Entry(self.late, 2)])
        self.mine.get_each(call, self.lasting, [3])
        return noted

    def page(self) -> Entries:
        self.made_of()
        proof = self.validator.proof(self.validator.begin(self.call), self.made_of())
        assert proof is not None
        return proof

    def holds(self, page: Entries) -> bool:
        assert not self.validator.holds_at_hand(self.call, page), "nothing is known without asking"
        return self.validator.holds(self.call, page)


def test_it_holds_while_nothing_changes() -> None:
    bench = Bench()
    page = bench.page()
    for _ in range(5):
        assert bench.holds(page)
        bench.runtime.pass_time(LATE_MS / 1500)


def test_a_page_some_of_which_had_to_be_loaded_is_not_kept() -> None:
    bench = Bench()
    made_of = bench.made_of()
    assert bench.validator.proof(bench.validator.begin(bench.call), made_of) is None


@pytest.mark.parametrize("change", [Cache.delete, lambda cache, *entry: cache.overwrite(*entry, 2)])
def test_what_another_process_changes_is_seen_at_once(change: Callable[..., None]) -> None:
    bench = Bench()
    page = bench.page()
    change(bench.other, bench.call, bench.prompt, 1)
    assert not bench.holds(page)


def test_what_may_be_late_is_seen_in_time() -> None:
    bench = Bench()
    page = bench.page()
    bench.runtime.pass_time(LATE_MS / 2000)
    bench.other.overwrite(bench.call, bench.late, 2, 2)
    assert bench.holds(page)
    bench.runtime.pass_time(LATE_MS / 2000)
    assert not bench.holds(page)


def test_the_time_for_being_late_begins_anew_with_each_look() -> None:
    bench = Bench()
    page = bench.page()
    bench.runtime.pass_time(LATE_MS / 1000)
    assert bench.holds(page)
    bench.other.overwrite(bench.call, bench.late, 2, 2)
    bench.runtime.pass_time(LATE_MS / 2000)
    assert bench.holds(page)
    bench.runtime.pass_time(LATE_MS / 2000)
    assert not bench.holds(page)


def test_nothing_is_late_where_nothing_may_be() -> None:
    bench = Bench(late_ms=0)
    page = bench.page()
    bench.other.overwrite(bench.call, bench.late, 2, 2)
    assert not bench.holds(page)


def test_the_time_for_being_late_begins_before_the_page_is_read() -> None:
    bench = Bench()
    bench.made_of()
    begun = bench.validator.begin(bench.call)
    made_of = bench.made_of()
    bench.runtime.pass_time(LATE_MS / 1000)
    page = bench.validator.proof(begun, made_of)
    bench.other.overwrite(bench.call, bench.late, 2, 2)
    assert page is not None
    assert not bench.holds(page)


def test_what_never_changes_is_not_asked_about() -> None:
    bench = Bench()
    page = bench.page()
    bench.other.delete(bench.call, bench.lasting, 3)
    bench.runtime.pass_time(LATE_MS / 1000)
    assert bench.holds(page)


def test_of_what_is_read_twice_the_first_answer_counts() -> None:
    bench = Bench()
    bench.made_of()
    made_of = bench.made_of()
    bench.other.overwrite(bench.call, bench.prompt, 1, 2)
    bench.mine.get(bench.call.noting(made_of), bench.prompt, 1)
    page = bench.validator.proof(bench.validator.begin(bench.call), made_of)
    assert page is not None
    assert not bench.holds(page)


def test_values_that_this_process_has_for_itself_say_nothing_of_others_changes() -> None:
    bench = Bench()
    alone = Cache(bench.store, bench.runtime, METRICS)
    alone.get_each(bench.call, bench.late, [2])
    made_of = Ingredients(FOR_EVER)
    alone.get_each(bench.call.noting(made_of), bench.late, [2])
    assert bench.validator.proof(bench.validator.begin(bench.call), made_of) is None


def test_what_was_read_past_the_cache_is_read_again() -> None:
    bench = Bench()
    bench.made_of()
    rows, made_of = [1, 2], bench.made_of()
    made_of.add_reading(lambda _call: list(rows), [1, 2])
    page = bench.validator.proof(bench.validator.begin(bench.call), made_of)
    assert page is not None
    assert bench.holds(page)
    rows.append(3)
    assert not bench.holds(page)


def test_a_flush_is_a_change() -> None:
    bench = Bench()
    page = bench.page()
    bench.store.flush(bench.call)
    assert not bench.holds(page)


def test_of_a_key_that_is_not_known_nothing_holds() -> None:
    bench = Bench()
    made_of = Ingredients(FOR_EVER)
    made_of.add_token(CacheKey(9, "none.1:9"), 1)
    page = bench.validator.proof(bench.validator.begin(bench.call), made_of)
    assert page is not None
    assert not bench.holds(page)
