"""Whom fan-out skips, and whom it asks about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from murmuration_server.platform.config import TimelineSettings
from murmuration_server.platform.ids import EPOCH_MS, floor_id
from murmuration_server.timeline.activity import active

SETTINGS = TimelineSettings()
NOW_MS = EPOCH_MS + 10 * SETTINGS.activity_horizon_ms
SINCE_MS = NOW_MS - SETTINGS.activity_horizon_ms


class Asked:
    """What is known of readers; keeps whom it was asked about."""

    def __init__(self, active_at_ms: Mapping[int, int]) -> None:
        self._active_at_ms = active_at_ms
        self.about: list[int] = []

    def __call__(self, user_ids: Sequence[int]) -> Mapping[int, int]:
        self.about += user_ids
        return {id_: self._active_at_ms[id_] for id_ in user_ids if id_ in self._active_at_ms}


def test_who_was_created_within_the_horizon_is_active_and_nobody_asks() -> None:
    young = [floor_id(SINCE_MS + 1), floor_id(SINCE_MS + 1) + 1, floor_id(NOW_MS)]
    asked = Asked({})
    assert list(active(young, asked, NOW_MS, SETTINGS)) == young
    assert list(active([], asked, NOW_MS, SETTINGS)) == []
    assert asked.about == []


def test_of_older_ones_those_who_have_read_within_the_horizon_are_active() -> None:
    never, long_ago, lately = floor_id(EPOCH_MS) + 1, floor_id(EPOCH_MS) + 2, floor_id(SINCE_MS + 1) - 1
    young = floor_id(SINCE_MS + 1)
    asked = Asked({long_ago: SINCE_MS, lately: SINCE_MS + 1, young: 1})
    assert list(active([never, long_ago, lately, young], asked, NOW_MS, SETTINGS)) == [lately, young]
    assert asked.about == [never, long_ago, lately]
