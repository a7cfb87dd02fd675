"""What a watch takes from each read of a home: no gap, no double, oldest first, and bounded memory."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import new_items
from murmuration_client.new_items import HOLD_MS, LATE_MS, NewItems
from murmuration_client.pace import Pace

NOW = 1_000_000
"""Milliseconds of the server's clock. In these tests a post's id is the millisecond of its posting."""


def read(watch: NewItems, home: Iterable[int], as_of: int = NOW, now: int | None = None) -> list[int]:
    """The ids taken from a read of a home with these posts, as the server answers it: newest first, from settled_id."""
    items = [
        timeline_pb2.HomeTimelineItem(tweet=tweet_pb2.Tweet(tweet_id=each, create_time_ms=each))
        for each in sorted(home, reverse=True)
        if each > watch.settled_id
    ]
    state = timeline_pb2.TimelineState(as_of_ms=as_of, lag_ms=(as_of if now is None else now) - as_of)
    return [item.tweet.tweet_id for item in watch.take(items, state)]


def test_new_items_come_oldest_first_and_once() -> None:
    watch = NewItems(0)
    assert read(watch, [1, 5, 3]) == [1, 3, 5]
    assert read(watch, [1, 5, 3]) == []
    assert read(watch, [1, 3, 5, 8, 7]) == [7, 8]
    assert watch.last_id == 8


def test_without_an_id_only_what_appears_from_now_on() -> None:
    watch = NewItems(None)
    assert read(watch, [NOW - 50_000, NOW - 10]) == []
    assert watch.last_id == NOW - 10
    assert read(watch, [NOW - 50_000, NOW - 10, NOW - 5, NOW + 7], NOW + 10) == [NOW - 5, NOW + 7]


def test_old_posts_of_somebody_followed_after_the_begin_are_not_new() -> None:
    watch = NewItems(None)
    assert read(watch, []) == []
    assert read(watch, [NOW - LATE_MS - 1, NOW - LATE_MS, NOW + 1], NOW + 1) == [NOW - LATE_MS, NOW + 1]


def test_an_item_that_delivery_has_not_passed_waits_for_older_ones() -> None:
    watch = NewItems(0)
    assert read(watch, [NOW + 5], as_of=NOW, now=NOW + 10) == []
    assert read(watch, [NOW + 5, NOW + 3], as_of=NOW + 6, now=NOW + 20) == [NOW + 3, NOW + 5]


def test_it_does_not_wait_longer_than_it_says() -> None:
    watch = NewItems(0)
    assert read(watch, [NOW + 5], as_of=NOW, now=NOW + 4 + HOLD_MS) == []
    assert read(watch, [NOW + 5], as_of=NOW, now=NOW + 5 + HOLD_MS) == [NOW + 5]


def test_what_comes_late_is_shown_when_it_comes() -> None:
    watch = NewItems(0)
    assert read(watch, [NOW]) == [NOW]
    assert read(watch, [NOW, NOW - 3], NOW + LATE_MS - 10) == [NOW - 3]
    assert read(watch, [NOW, NOW - 3], NOW + LATE_MS - 10) == []


def test_while_delivery_stands_still_nothing_settles() -> None:
    watch = NewItems(0)
    read(watch, [NOW + each for each in range(100)], as_of=NOW, now=NOW + 600_000)
    assert watch.settled_id == 0
    assert read(watch, [NOW + 50, NOW - 7], as_of=NOW, now=NOW + 600_000) == [NOW - 7]


def test_a_watch_goes_on_from_its_last_id_without_a_double_and_from_its_settled_id_without_a_gap() -> None:
    watch = NewItems(0)
    posts = [NOW - 2 * LATE_MS, NOW - 20, NOW]
    assert read(watch, posts) == posts
    assert (watch.settled_id, watch.last_id) == (posts[0], NOW)
    later = [*posts, NOW - 10, NOW + 1]
    assert read(NewItems(watch.last_id), later, NOW + 1) == [NOW + 1]
    assert read(NewItems(watch.settled_id), later, NOW + 1) == [NOW - 20, NOW - 10, NOW, NOW + 1]


def test_memory_is_bounded_while_delivery_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_items, "MOST_REMEMBERED", 10)
    watch = NewItems(0)
    posts = [NOW + each for each in range(100)]
    assert read(watch, posts, as_of=NOW, now=NOW + 600_000) == posts
    assert watch.settled_id == NOW + 89
    assert read(watch, posts, as_of=NOW, now=NOW + 600_000) == []


def test_what_disappears_and_comes_back_is_not_shown_again() -> None:
    watch = NewItems(0)
    assert read(watch, [NOW]) == [NOW]
    assert read(watch, []) == []
    assert read(watch, [NOW]) == []


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_delivery_shows_each_post_once(seed: int) -> None:
    """Posts whose writing takes up to LATE_MS, read at random moments, with delivery behind by any time."""
    chance = random.Random(seed)
    posts = {posted: posted + chance.choice([1, 5, 300, LATE_MS // 2]) for posted in chance.sample(range(NOW), 300)}
    posts = {posted + NOW: seen + NOW for posted, seen in posts.items()}
    watch, shown = NewItems(0), []
    now, as_of = NOW, NOW
    while now < 3 * NOW:
        now += chance.choice([10, 200, 3_000])
        # Delivered until as_of means: whatever is not seen yet was acked after it.
        unseen = [seen for seen in posts.values() if seen > now]
        as_of = max(as_of, min([now - chance.choice([0, 100, 5_000]), *unseen]))
        shown += read(watch, [posted for posted, seen in posts.items() if seen <= now], as_of, now)
    assert sorted(shown) == sorted(posts)
    assert len(shown) == len(set(shown))


def test_pauses_grow_to_the_longest_and_are_spread() -> None:
    pace = Pace(0.1, 1.0, lambda: 0.5)
    pauses = [pace.pause() for _ in range(10)]
    assert pauses[0] == pytest.approx(0.1)
    assert pauses == sorted(pauses)
    assert pauses[-1] == pytest.approx(1.0)
    pace.begin_again()
    assert pace.pause() == pytest.approx(0.1)
    assert Pace(0.1, 1.0, lambda: 0.0).pause() == pytest.approx(0.08)
    assert Pace(0.1, 1.0, lambda: 1.0).pause() == pytest.approx(0.12)
    assert Pace(0.1, 0.01, lambda: 0.5).pause() == pytest.approx(0.01)
