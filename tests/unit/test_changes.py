"""What was changed of late: numbered, bounded, and never taken for unchanged where it is no longer known."""

from __future__ import annotations

from murmuration_server.cache.changes import Changes
from tests.support.contract_clock import SetClock

ONE, TWO, OTHER_KIND = ("word", 1), ("word", 2), ("name", 1)


def test_a_change_counts_for_those_who_asked_before_it() -> None:
    changes = Changes(SetClock())
    before = changes.count()
    changes.note(*ONE)
    after = changes.count()
    assert not changes.none_since(before, [TWO, ONE])
    assert changes.none_since(before, [TWO, OTHER_KIND])
    assert changes.none_since(after, [ONE])


def test_a_change_that_comes_again_is_a_new_one() -> None:
    changes = Changes(SetClock())
    changes.note(*ONE)
    between = changes.count()
    changes.note(*ONE)
    assert not changes.none_since(between, [ONE])


def test_what_is_forgotten_may_have_changed() -> None:
    changes = Changes(SetClock(), remembered=1)
    before = changes.count()
    changes.note(*ONE)
    between = changes.count()
    changes.note(*TWO)
    assert not changes.none_since(before, [ONE])
    assert not changes.none_since(before, [OTHER_KIND])
    assert changes.none_since(between, [ONE])


def test_everything_may_change_at_once() -> None:
    changes = Changes(SetClock())
    before = changes.count()
    changes.note_all()
    assert not changes.none_since(before, [ONE])
    assert not changes.none_since(before, [])
    assert changes.none_since(changes.count(), [ONE])
