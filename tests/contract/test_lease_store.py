"""What a LeaseStore promises: a worker number has one holder at a time, and its leases never overlap."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from murmuration_server.platform import leases
from murmuration_server.platform.call import Call
from murmuration_server.platform.errors import Unavailable
from murmuration_server.platform.leases import LeaseStore, WorkerLease
from tests.support.contract_adapters import LEASE_STORES
from tests.support.contract_clock import START_MS
from tests.support.contract_search import SEARCH
from tests.support.contract_threads import at_once

ADAPTERS = LEASE_STORES
MINUTE = 60_000


def test_leases_at_one_time_have_different_numbers(store: LeaseStore, call: Call) -> None:
    held = [store.acquire(call, f"owner{n}", START_MS, START_MS + MINUTE) for n in range(3)]
    assert len({lease.worker for lease in held}) == 3
    assert all(lease.from_ms >= START_MS and lease.until_ms == START_MS + MINUTE for lease in held)


def test_one_owner_asking_twice_holds_two_numbers(store: LeaseStore, call: Call) -> None:
    first, second = (store.acquire(call, "owner", START_MS, START_MS + MINUTE) for _ in range(2))
    assert first.worker != second.worker


def test_leases_taken_at_once_have_different_numbers(store: LeaseStore, call: Call) -> None:
    held = at_once([lambda n=n: store.acquire(call, f"owner{n}", START_MS, START_MS + MINUTE) for n in range(4)])
    assert len({lease.worker for lease in held}) == 4


def test_a_number_is_given_again_only_above_its_last_lease(
    store: LeaseStore, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "WORKERS", 1)
    first = store.acquire(call, "first", START_MS, START_MS + MINUTE)
    with pytest.raises(Unavailable):
        store.acquire(call, "second", first.until_ms, first.until_ms + MINUTE)
    second = store.acquire(call, "second", first.until_ms + 1, first.until_ms + MINUTE)
    assert (second.worker, second.owner) == (first.worker, "second")
    assert second.from_ms > first.until_ms


def test_a_clock_that_is_behind_gets_no_lease_of_the_past(
    store: LeaseStore, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "WORKERS", 1)
    ahead = store.acquire(call, "ahead", START_MS + 10 * MINUTE, START_MS + 11 * MINUTE)
    with pytest.raises(Unavailable):
        store.acquire(call, "behind", START_MS, START_MS + MINUTE)
    assert store.renew(call, ahead, START_MS + 12 * MINUTE) is not None


def test_all_numbers_taken_is_unavailable(store: LeaseStore, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "WORKERS", 2)
    for _ in range(2):
        store.acquire(call, "owner", START_MS, START_MS + MINUTE)
    with pytest.raises(Unavailable):
        store.acquire(call, "owner", START_MS, START_MS + MINUTE)


def test_a_renewed_lease_ends_later_and_begins_where_it_began(store: LeaseStore, call: Call) -> None:
    lease = store.acquire(call, "owner", START_MS, START_MS + MINUTE)
    renewed = store.renew(call, lease, START_MS + 2 * MINUTE)
    assert renewed == WorkerLease(lease.worker, "owner", lease.from_ms, START_MS + 2 * MINUTE)


def test_a_renewal_never_shortens(store: LeaseStore, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "WORKERS", 1)
    lease = store.acquire(call, "owner", START_MS, START_MS + MINUTE)
    renewed = store.renew(call, lease, START_MS + 1)
    assert renewed is not None
    assert renewed.until_ms == START_MS + MINUTE
    with pytest.raises(Unavailable):
        store.acquire(call, "other", START_MS + 2, START_MS + MINUTE)


def test_a_number_that_went_to_somebody_else_is_not_renewed(
    store: LeaseStore, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "WORKERS", 1)
    lost = store.acquire(call, "first", START_MS, START_MS + MINUTE)
    store.acquire(call, "second", START_MS + 2 * MINUTE, START_MS + 3 * MINUTE)
    assert store.renew(call, lost, START_MS + 4 * MINUTE) is None


def test_leases_outlive_the_store(open_store: Callable[[], LeaseStore], call: Call) -> None:
    store = open_store()
    first = store.acquire(call, "owner", START_MS, START_MS + MINUTE)
    store.close()  # type: ignore[attr-defined]
    again = open_store()
    assert again.acquire(call, "other", START_MS, START_MS + MINUTE).worker != first.worker
    assert again.renew(call, first, START_MS + 2 * MINUTE) is not None


def test_two_processes_on_one_store_get_different_numbers(open_store: Callable[[], LeaseStore], call: Call) -> None:
    one, other = open_store(), open_store()
    works = [
        lambda store=store, n=n: store.acquire(call, f"owner{n}", START_MS, START_MS + MINUTE)
        for n, store in enumerate([one, other] * 2)
    ]
    assert len({lease.worker for lease in at_once(works)}) == 4


_examples = itertools.count()
_steps = st.lists(
    st.tuples(st.integers(0, 2), st.booleans(), st.integers(0, 20), st.integers(0, 10)), min_size=1, max_size=25
)


@settings(SEARCH, max_examples=30)
@given(steps=_steps)
def test_leases_of_one_number_never_overlap(
    store: LeaseStore, call: Call, steps: list[tuple[int, bool, int, int]]
) -> None:
    """Owners with clocks of their own acquire and renew in any order."""
    # Each example lives an hour after the one before: what that left has ended.
    base = START_MS + next(_examples) * 60 * MINUTE
    held: dict[int, WorkerLease] = {}
    spans: dict[tuple[int, str, int], tuple[int, int]] = {}
    for owner, renews, clock, length in steps:
        now, until = base + clock, base + clock + length
        lease = held.get(owner)
        if renews and lease is not None:
            lease = store.renew(call, lease, until)
        else:
            lease = store.acquire(call, f"{base}-{owner}-{len(spans)}", now, until)
        if lease is None:
            held.pop(owner)
            continue
        held[owner] = lease
        spans[lease.worker, lease.owner, lease.from_ms] = lease.from_ms, lease.until_ms
    for (worker, _, _), span in spans.items():
        others = [other for key, other in spans.items() if key[0] == worker and other is not span]
        assert all(span[1] < other[0] or other[1] < span[0] for other in others), "two leases overlap"
