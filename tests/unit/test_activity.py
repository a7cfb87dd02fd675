"""Whom fan-out skips, and whom it asks about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from murmuration_server.platform.call import Call
from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.ids import EPOCH_MS, floor_id
from murmuration_server.platform.runtime.simulated import SimulatedRuntime
from murmuration_server.timeline.activity import ActiveReaders

SETTINGS = TimelineSettings()
NOW_MS = EPOCH_MS + 10 * SETTINGS.activity_horizon_ms
SINCE_MS = NOW_MS - SETTINGS.activity_horizon_ms
NEVER, LONG_AGO, LATELY = floor_id(EPOCH_MS) + 1, floor_id(EPOCH_MS) + 2, floor_id(SINCE_MS + 1) - 1


class Asked:
    """What is known of readers; keeps whom it was asked about."""

    def __init__(self, active_at_ms: Mapping[int, int]) -> None:
        self.active_at_ms = dict(active_at_ms)
        self.about: list[int] = []

    def __call__(self, _: Call, user_ids: Sequence[int]) -> Mapping[int, int]:
        assert user_ids
        self.about += user_ids
        return {id_: self.active_at_ms[id_] for id_ in user_ids if id_ in self.active_at_ms}


def at(now_ms: int) -> Call:
    return Call.background(SimulatedRuntime(1, start_ms=now_ms), 10)


def test_who_was_created_within_the_horizon_is_active_and_nobody_asks() -> None:
    young = [floor_id(SINCE_MS + 1), floor_id(SINCE_MS + 1) + 1, floor_id(NOW_MS)]
    asked = Asked({})
    readers = ActiveReaders(asked, SETTINGS)
    assert list(readers.among(at(NOW_MS), young)) == young
    assert list(readers.among(at(NOW_MS), [])) == []
    assert asked.about == []


def test_of_older_ones_those_who_have_read_within_the_horizon_are_active() -> None:
    young = floor_id(SINCE_MS + 1)
    asked = Asked({LONG_AGO: SINCE_MS, LATELY: SINCE_MS + 1, young: 1})
    readers = ActiveReaders(asked, SETTINGS)
    assert list(readers.among(at(NOW_MS), [NEVER, LONG_AGO, LATELY, young])) == [LATELY, young]
    assert asked.about == [NEVER, LONG_AGO, LATELY]


def test_who_is_active_is_asked_about_again_when_he_may_be_so_no_more() -> None:
    asked = Asked({LONG_AGO: SINCE_MS, LATELY: SINCE_MS + 100})
    readers = ActiveReaders(asked, SETTINGS)
    assert list(readers.among(at(NOW_MS), [LONG_AGO, LATELY])) == [LATELY]
    asked.about.clear()
    assert list(readers.among(at(NOW_MS + 99), [LONG_AGO, LATELY])) == [LATELY]
    assert asked.about == [LONG_AGO], "who was skipped may have read since; who was active is so still"
    asked.active_at_ms[LATELY] += 1
    assert list(readers.among(at(NOW_MS + 100), [LATELY])) == [LATELY]
    assert list(readers.among(at(NOW_MS + 101), [LATELY])) == []
    assert asked.about == [LONG_AGO, LATELY, LATELY]


def test_of_very_many_active_ones_the_last_are_remembered() -> None:
    asked = Asked(dict.fromkeys([1, 2, 3], NOW_MS))
    readers = ActiveReaders(asked, SETTINGS, remembered=2)
    assert list(readers.among(at(NOW_MS), [1, 2, 3])) == [1, 2, 3], "also those for whom there is no room"
    asked.about.clear()
    assert list(readers.among(at(NOW_MS), [2, 3])) == [2, 3]
    assert asked.about == []
    assert list(readers.among(at(NOW_MS), [1])) == [1]
    assert asked.about == [1]
