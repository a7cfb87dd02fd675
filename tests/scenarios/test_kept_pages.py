"""A page that is kept is served as long as it is right, and no longer: each thing that it is made of is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from murmuration.v1 import timeline_pb2, tweet_pb2
from murmuration_client import InternalError, NotFound
from murmuration_server.timeline import present
from tests.support.engines import FileEngine
from tests.support.world import World

READS_TO_FILL = 3
READY = timeline_pb2.TimelineState.STATUS_READY
PULL = tweet_pb2.DELIVERY_MODE_PULL


class Kept:
    """A reader whose page is kept: it shows a post of the author whom he follows. A third user stands by."""

    def __init__(self, world: World, page_size: int = 3) -> None:
        self.world, self._size = world, page_size
        self.alone = isinstance(world.system.engine, FileEngine)
        self.reader, self.author, self.third = world.users[:3]
        world.follow(self.reader, self.author)
        self.shown = world.post(self.author)
        world.system.settle()
        self.is_kept()

    def read(self) -> timeline_pb2.ListHomeTimelineResponse:
        return self.world.system.user(self.reader).home_page(self._size)

    def ids(self) -> list[int]:
        return [item.tweet.tweet_id for item in self.read().items]

    def made(self) -> float:
        """How many pages were made so far, and not taken from those that are kept."""
        registry = self.world.system.serving_metrics.registry
        return registry.get_sample_value("murmuration_home_scanned_count") or 0.0

    def is_kept(self) -> None:
        if not self.alone:
            # Beside other processes it is kept once all that it is made of was found in the cache.
            for _ in range(READS_TO_FILL):
                self.read()
        first, before = self.read(), self.made()
        second = self.read()
        assert self.made() == before, "the page was made again"
        assert (list(first.items), list(first.users)) == (list(second.items), list(second.users))
        assert first.next_page_token == second.next_page_token


@pytest.fixture
def kept(world: World) -> Kept:
    return Kept(world)


def test_a_page_is_kept_for_one_reader_and_one_question(kept: Kept) -> None:
    client = kept.world.system.user(kept.reader)
    assert len(client.home_page(1, since_tweet_id=kept.shown).items) == 0
    assert len(client.home_page(1).items) == 1
    assert len(kept.world.system.user(kept.third).home_page(3).items) == 0
    kept.is_kept()


def test_an_own_post_is_there_at_once(kept: Kept) -> None:
    mine = kept.world.post(kept.reader)
    assert kept.ids() == [mine, kept.shown]
    kept.is_kept()
    kept.world.delete(mine)
    assert kept.ids() == [kept.shown]


def test_a_deleted_post_is_gone_at_once(kept: Kept) -> None:
    kept.world.delete(kept.shown)
    assert kept.ids() == []


def test_a_post_that_was_at_hand_when_the_page_was_made_goes_as_well(kept: Kept) -> None:
    mine = kept.world.post(kept.reader)
    assert kept.ids() == [mine, kept.shown]
    kept.world.delete(kept.shown)
    assert kept.ids() == [mine]


def test_a_repost_goes_with_its_original(kept: Kept) -> None:
    original = kept.world.post(kept.third)
    kept.world.repost(kept.author, original)
    kept.world.system.settle()
    assert len(kept.ids()) == 2
    kept.is_kept()
    kept.world.delete(original)
    assert kept.ids() == [kept.shown]


@pytest.mark.parametrize("end", ["unfollow", "block", "mute"])
def test_relations_act_at_once(kept: Kept, end: str) -> None:
    getattr(kept.world, end)(kept.reader, kept.author)
    assert kept.ids() == []


def test_who_is_blocked_sees_nothing_at_once(kept: Kept) -> None:
    kept.world.block(kept.author, kept.reader)
    assert kept.ids() == []


def test_a_follow_brings_posts_at_once_and_later_ones(kept: Kept) -> None:
    theirs = kept.world.post(kept.third)
    kept.world.system.settle()
    kept.world.follow(kept.reader, kept.third)
    assert kept.ids() == [theirs, kept.shown]
    # Nothing is delivered yet that he does not pull himself.
    newer = kept.world.post(kept.third)
    assert kept.ids() == [newer, theirs, kept.shown]
    kept.world.system.settle()
    assert kept.ids() == [newer, theirs, kept.shown]


def test_counts_are_those_of_now(kept: Kept) -> None:
    kept.world.post(kept.third, "Yes", kept.shown)
    kept.world.repost(kept.third, kept.shown)
    counts = kept.read().items[0].counts
    assert (counts.replies, counts.reposts) == (1, 1)
    kept.is_kept()
    kept.world.undo_repost(kept.third, kept.shown)
    assert kept.read().items[0].counts.reposts == 0


def test_what_a_writer_stored_before_it_died_is_counted_when_its_event_comes(kept: Kept) -> None:
    cache = kept.world.system.serving.cache
    with mock.patch.object(cache, "delete", side_effect=OSError), pytest.raises(InternalError):
        kept.world.system.user(kept.third).create_tweet("Yes", in_reply_to=kept.shown)
    kept.world.system.run_until_idle()
    assert kept.read().items[0].counts.replies == 1


def test_whether_the_reader_has_reposted_it_is_said_at_once(kept: Kept) -> None:
    assert not kept.read().items[0].viewer_state.reposted
    kept.world.repost(kept.reader, kept.shown)
    assert kept.read().items[-1].viewer_state.reposted


def test_what_the_worker_delivers_is_there_as_soon_as_it_is_stored(kept: Kept) -> None:
    newer = kept.world.post(kept.author)
    assert kept.ids() == [kept.shown]
    kept.world.system.run_until_idle()
    assert kept.ids() == [newer, kept.shown]


def test_rows_of_others_leave_a_page_as_it_is(kept: Kept) -> None:
    kept.world.follow(kept.third, kept.world.users[3])
    kept.world.post(kept.world.users[3])
    kept.world.system.run_until_idle()
    kept.is_kept()
    before = kept.made()
    kept.world.post(kept.world.users[3])
    kept.world.system.run_until_idle()
    assert kept.ids() == [kept.shown]
    assert kept.made() == before


def test_pulled_posts_come_with_the_view(kept: Kept) -> None:
    kept.world.system.client.admin.set_author_mode(kept.author, PULL)
    kept.world.pass_time(1)
    newer = kept.world.post(kept.author)
    assert kept.ids() == [kept.shown]
    kept.is_kept()
    kept.world.system.refresh_view()
    assert kept.ids() == [newer, kept.shown]
    kept.is_kept()


def test_pulled_posts_of_others_leave_a_page_as_it_is(kept: Kept) -> None:
    admin = kept.world.system.client.admin
    admin.set_author_mode(kept.author, PULL)
    admin.set_author_mode(kept.third, PULL)
    kept.world.pass_time(1)
    pulled = kept.world.post(kept.author)
    kept.world.system.refresh_view()
    assert kept.ids() == [pulled, kept.shown]
    kept.is_kept()
    before = kept.made()
    kept.world.post(kept.third)
    kept.world.system.refresh_view()
    assert kept.ids() == [pulled, kept.shown]
    assert kept.made() == before, "of somebody whom he does not follow"
    newer = kept.world.post(kept.author)
    kept.world.system.refresh_view()
    assert kept.ids() == [newer, pulled, kept.shown]


def test_a_page_says_how_fresh_it_is_when_it_is_served(kept: Kept) -> None:
    if not kept.alone:
        # Until the relay has looked for rows that come late, delivery is known up to its last look.
        kept.world.pass_time(3)
        kept.world.system.run_until_idle()
    kept.world.system.step("watermark")
    kept.world.system.refresh_view()
    first = kept.read().state
    kept.world.pass_time(0.5)
    kept.world.system.step("watermark")
    kept.world.system.refresh_view()
    before = kept.made()
    second = kept.read().state
    assert (first.status, second.status) == (READY, READY)
    assert second.as_of_ms == first.as_of_ms + 500
    kept.world.pass_time(0.1)
    assert kept.read().state.lag_ms == second.lag_ms + 100
    if kept.alone:
        # Elsewhere what is cached goes when a test sets the clock.
        assert kept.made() == before


def test_what_leaves_the_horizon_leaves_the_page(make_world: Callable[..., World]) -> None:
    world = make_world(4, timeline={"activity_touch_ms": 500_000, "horizon_ms": 30_000})
    kept = Kept(world)
    world.pass_time(29)
    world.system.refresh_view()
    assert kept.ids() == [kept.shown]
    kept.is_kept()
    world.pass_time(2)
    assert kept.ids() == []


def test_who_reads_kept_pages_only_stays_active(make_world: Callable[..., World]) -> None:
    settings = {"activity_horizon_ms": 50_000, "activity_margin_ms": 10_000, "activity_touch_ms": 20_000}
    world = make_world(4, timeline=settings)
    kept = Kept(world)
    for _ in range(4):
        world.pass_time(13.6)
        kept.read()
        kept.is_kept()
    newer = world.post(kept.author)
    world.system.run_until_idle()
    assert kept.ids() == [newer, kept.shown]
    assert list(kept.read().items[0].reasons) == [timeline_pb2.INCLUSION_REASON_PUSHED], "he was taken for inactive"


def test_what_is_changed_while_a_page_is_read_is_not_in_the_next_one(kept: Kept) -> None:
    kept.world.system.flush_cache()
    made = present.home_page

    def then_delete(*arguments: Any) -> bytes:
        page = made(*arguments)
        kept.world.delete(kept.shown)
        return page

    with mock.patch.object(present, "home_page", then_delete):
        assert kept.ids() == [kept.shown]
    assert kept.ids() == []


def test_what_is_delivered_while_a_page_is_read_is_in_the_next_one(kept: Kept) -> None:
    kept.world.system.flush_cache()
    newer, made = kept.world.post(kept.author), present.home_page

    def then_deliver(*arguments: Any) -> bytes:
        page = made(*arguments)
        kept.world.system.run_until_idle()
        # Whatever else may have been changed meanwhile is left out here.
        kept.world.system.serving.cache.changes._last.clear()
        return page

    with mock.patch.object(present, "home_page", then_deliver):
        assert kept.ids() == [kept.shown]
    assert kept.ids() == [newer, kept.shown]


def test_what_rests_on_a_source_that_says_nothing_of_changes_is_not_kept(kept: Kept) -> None:
    for other in kept.world.users[2:]:
        kept.world.block(other, kept.reader)
    kept.read()
    before = kept.made()
    assert kept.ids() == [kept.shown], "more block him than an entry holds, so all are asked about"
    assert kept.made() == before + 1


def test_a_flush_of_the_cache_forgets_all_pages(kept: Kept) -> None:
    before = kept.made()
    kept.world.system.flush_cache()
    assert kept.ids() == [kept.shown]
    assert kept.made() == before + 1


def test_no_more_pages_are_kept_than_the_setting_says(make_world: Callable[..., World]) -> None:
    world = make_world(4, timeline={"kept_pages": 1})
    kept = Kept(world)
    for _ in range(READS_TO_FILL):
        world.system.user(kept.third).home_page(3)
    before = kept.made()
    kept.read()
    assert kept.made() == before + 1


def test_none_are_kept_where_the_setting_is_nought(make_world: Callable[..., World]) -> None:
    world = make_world(2, timeline={"kept_pages": 0})
    client = world.system.user(world.users[0])
    registry = world.system.serving_metrics.registry
    for _ in range(2):
        client.home_page(3)
    assert registry.get_sample_value("murmuration_home_scanned_count") == 2


def test_a_walk_from_a_kept_page_goes_on_where_it_ends(make_world: Callable[..., World]) -> None:
    world = make_world(4)
    kept = Kept(world, 1)
    newer = world.post(kept.author)
    world.system.settle()
    kept.is_kept()
    page = kept.read()
    assert [item.tweet.tweet_id for item in page.items] == [newer]
    rest = world.system.user(kept.reader).home_page(3, page_token=page.next_page_token)
    assert [item.tweet.tweet_id for item in rest.items] == [kept.shown]


def test_nobody_gets_a_page_without_an_account(kept: Kept) -> None:
    with pytest.raises(NotFound):
        kept.world.system.user(1).home_page(3)


def test_late_or_not_what_the_reader_has_done_himself_is_seen_at_once(make_world: Callable[..., World]) -> None:
    world = make_world(4, timeline={"kept_pages_late_ms": 4000})
    kept = Kept(world)
    mine = world.post(kept.reader)
    assert kept.ids() == [mine, kept.shown]
    kept.is_kept()
    answer = world.post(kept.reader, "Yes", mine)
    assert kept.ids() == [answer, mine, kept.shown]
    assert kept.read().items[1].counts.replies == 1
    kept.is_kept()
    world.delete(answer)
    page = kept.read()
    assert [item.tweet.tweet_id for item in page.items] == [mine, kept.shown]
    assert page.items[0].counts.replies == 0
    kept.is_kept()
    world.repost(kept.reader, kept.shown)
    assert kept.read().items[-1].viewer_state.reposted
    kept.is_kept()
    world.undo_repost(kept.reader, kept.shown)
    page = kept.read()
    assert not page.items[-1].viewer_state.reposted
    assert page.items[-1].counts.reposts == 0
    kept.is_kept()
    world.unfollow(kept.reader, kept.author)
    assert kept.ids() == [mine]


def test_what_others_deleted_is_gone_when_a_kept_page_may_be_late_no_longer(make_world: Callable[..., World]) -> None:
    late_ms = 2000
    kept = Kept(make_world(4, timeline={"kept_pages_late_ms": late_ms}))
    kept.world.delete(kept.shown)
    # For the system alone: what is cached stays.
    kept.world.system.runtime.pass_time(late_ms / 1000)
    assert kept.ids() == []


def test_a_page_that_is_read_while_its_reader_writes_is_no_older_than_what_he_wrote(
    make_world: Callable[..., World],
) -> None:
    world = make_world(4, timeline={"kept_pages_late_ms": 4000})
    kept = Kept(world)
    world.repost(kept.reader, kept.shown)
    world.undo_repost(kept.reader, kept.shown)
    kept.is_kept()
    cache = world.system.serving.cache
    edit = cache.edit

    def then_read(*arguments: Any) -> None:
        edit(*arguments)
        for _ in range(READS_TO_FILL):
            kept.read()

    with mock.patch.object(cache, "edit", then_read):
        world.system.user(kept.reader).create_tweet("Yes", in_reply_to=kept.shown)
    assert kept.read().items[-1].counts.replies == 1
