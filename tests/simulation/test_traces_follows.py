"""Trace E: follows against fan-out and backfill; batches that are seen in halves."""

from __future__ import annotations

import pytest

from tests.support.sim import Person, System, simulate

SEEDS = (1, 2, 3)


def home_rows(system: System, person: Person) -> list[int]:
    """What is written in a home, newest first."""
    rows = system.sql("homes", "SELECT tweet_id FROM home WHERE user_id = ? ORDER BY tweet_id DESC", person.user_id)
    return [row[0] for row in rows]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_follow_acts_at_once_however_late_its_backfill_is(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        post = author.post()
        system.rest()
        late = system.hold("relations-follower", "tweets.list_recent")
        reader.follow(author)
        late.wait()
        assert reader.home() == [post]
        system.pass_time(10)
        assert reader.home() == [post]
        late.open()
        system.rest()
        assert reader.home() == home_rows(system, reader) == [post]

    simulate(seed, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_post_whose_fan_out_has_missed_the_follower_is_shown(seed: int) -> None:
    """Fan-out reads the followers, then he follows, and his backfill reads before the post is stored in no home."""

    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        system.rest()
        missing = system.hold("deliveries-small", "graph.list_followers.done")
        post = author.post()
        missing.wait()
        late = system.hold("relations-follower", "tweets.list_recent")
        reader.follow(author)
        missing.open()
        late.wait()
        assert reader.home() == [post]
        late.open()
        system.rest()
        assert reader.home() == home_rows(system, reader) == [post]

    simulate(seed, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_backfill_is_marked_after_its_rows_are_written(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        post = author.post()
        system.rest()
        writing = system.hold("relations-follower", "homes.write")
        reader.follow(author)
        writing.wait()
        assert reader.home() == [post]
        writing.open()
        system.rest()
        assert reader.home() == [post]

    simulate(seed, scenario)


def test_a_mark_counts_for_its_own_follow_only() -> None:
    """He follows, unfollows and follows again while the first follow's backfill is under way."""

    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        old = author.post()
        system.rest()
        first = system.hold("relations-follower", "tweets.list_recent.done")
        reader.follow(author)
        first.wait()
        reader.unfollow(author)
        system.sleep(0.5)
        post = author.post()
        system.sleep(0.5)
        second = system.hold("relations-follower", "tweets.list_recent")
        reader.follow(author)
        first.open()
        system.sleep(0.5)
        assert reader.home() == [post, old]
        second.open()
        system.rest()
        assert reader.home() == [post, old]

    simulate(1, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_followers_row_that_is_lost_is_mended_before_the_backfill_reads(seed: int) -> None:
    """The following row and the event are there, the followers row is not: fan-out does not know him."""

    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        system.rest()
        waiting = system.hold("relations-follower", "log.poll").wait()
        mend = system.lose_inserts("graph", "followers")
        reader.follow(author)
        mend()
        missed = author.post()
        system.sleep(1)
        assert home_rows(system, reader) == []
        assert reader.home() == [missed]
        reading = system.hold("relations-follower", "tweets.list_recent.done")
        waiting.open()
        reading.wait()
        # The backfill has read: from here on fan-out must find him.
        between = author.post()
        system.sleep(1)
        reading.open()
        system.rest()
        after = author.post()
        system.rest()
        assert reader.home() == home_rows(system, reader) == [after, between, missed]

    simulate(seed, scenario)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_row_lost_from_the_authors_list_is_written_again(seed: int) -> None:
    """The event is there, the user_tweets row is not; who follows later reads that list."""

    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        system.rest()
        waiting = system.hold("fanout-planner", "log.poll").wait()
        mend = system.lose_inserts("tweets", "user_tweets")
        post = author.post()
        mend()
        waiting.open()
        system.rest()
        reader.follow(author)
        assert reader.home() == [post]
        system.rest()
        assert reader.home() == author.home() == [post]

    simulate(seed, scenario)


def test_an_unfollow_acts_on_what_the_home_holds() -> None:
    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        reader.follow(author)
        post = author.post()
        system.rest()
        assert reader.home() == [post]
        reader.unfollow(author)
        assert reader.home() == []
        assert home_rows(system, reader) == [post]

    simulate(1, scenario)
