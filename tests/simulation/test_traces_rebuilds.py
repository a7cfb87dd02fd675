"""Traces A2 and A3: homes that fan-out has skipped, how they are rebuilt, and the horizons of both sides."""

from __future__ import annotations

import pytest

from murmuration_server.timeline.store import INCOMPLETE
from tests.support.sim import READY, Person, System, settings, simulate

HORIZON_SECONDS, MARGIN_SECONDS = 20.0, 5.0
READERS_HORIZON_SECONDS = HORIZON_SECONDS - MARGIN_SECONDS
SETTINGS = settings(
    timeline={
        "activity_horizon_ms": int(HORIZON_SECONDS * 1000),
        "activity_margin_ms": int(MARGIN_SECONDS * 1000),
        "activity_touch_ms": 100,
        "rebuild_retry_ms": 1000,
        "view_refresh_ms": 500,
    }
)
SEEDS = (1, 2, 3)


def inactive_follower(system: System) -> tuple[Person, Person]:
    """(author, follower), the follower just active; with nothing under way."""
    author, reader = system.people("author reader")
    reader.follow(author)
    system.rest()
    system.pass_time(1)
    reader.page()
    return author, reader


def complete_since(system: System, person: Person) -> int:
    found: int = system.sql("states", "SELECT complete_since FROM home_state WHERE user_id = ?", person.user_id)[0][0]
    return found


def is_skipped(system: System, person: Person, post: int) -> bool:
    return not system.sql("homes", "SELECT 1 FROM home WHERE user_id = ? AND tweet_id = ?", person.user_id, post)


@pytest.mark.parametrize("seed", SEEDS)
def test_fan_out_skips_the_inactive_and_a_rebuild_brings_what_was_skipped(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = inactive_follower(system)
        system.pass_time(HORIZON_SECONDS)
        post = author.post()
        system.rest()
        assert is_skipped(system, reader, post)
        assert reader.home() == [post]
        system.rest()
        assert complete_since(system, reader) != INCOMPLETE
        assert reader.home() == [post]
        assert not is_skipped(system, reader, post)

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_fan_out_writes_while_a_home_is_being_rebuilt(seed: int) -> None:
    """The rebuild has read the followees' posts: what is posted from now on is fan-out's."""

    def scenario(system: System) -> None:
        author, reader = inactive_follower(system)
        system.pass_time(HORIZON_SECONDS)
        first = author.post()
        system.rest()
        has_read = system.hold("rebuilder", "tweets.list_recent.done")
        reader.page()
        has_read.wait()
        second = author.post()
        system.sleep(1)
        has_read.open()
        system.rest()
        assert complete_since(system, reader) != INCOMPLETE
        assert reader.home() == [second, first]

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_home_is_complete_only_when_its_rows_are_written(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = inactive_follower(system)
        system.pass_time(HORIZON_SECONDS)
        post = author.post()
        system.rest()
        writing = system.hold("rebuilder", "homes.write")
        reader.page()
        writing.wait()
        assert reader.home() == [post]
        writing.open()
        system.rest()
        assert reader.home() == [post]

    simulate(seed, scenario, SETTINGS)


def test_a_rebuild_that_a_later_request_has_overtaken_completes_nothing() -> None:
    def scenario(system: System) -> None:
        author, reader = inactive_follower(system)
        system.pass_time(HORIZON_SECONDS)
        has_read = system.hold("rebuilder", "tweets.list_recent.done")
        reader.page()
        has_read.wait()
        # He is away again, longer than the horizon, while that rebuild is stuck.
        system.pass_time(HORIZON_SECONDS)
        post = author.post()
        system.sleep(1)
        assert is_skipped(system, reader, post)
        again = system.hold("rebuilder", "tweets.list_recent")
        assert reader.home() == [post]
        has_read.open()
        again.wait()
        assert reader.home() == [post]
        again.open()
        system.rest()
        assert reader.home() == [post]

    simulate(1, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reader_whose_clock_is_slow_does_not_find_a_skipped_home_fresh(seed: int) -> None:
    """Fan-out finds him just inactive, and by his own clock he is not yet."""

    def scenario(system: System) -> None:
        author, reader = inactive_follower(system)
        slow = system.serve("slow", clock_offset_ms=-2000)
        system.start_step("slow-view", slow.view, 0.5)
        system.pass_time(HORIZON_SECONDS)
        post = author.post()
        system.sleep(0.5)
        assert is_skipped(system, reader, post)
        page = system.via(reader, slow).page()
        assert page.ids == [post] or page.status != READY
        system.rest()
        assert reader.home() == [post]

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_reader_looks_at_the_clock_again_after_touching_his_activity(seed: int) -> None:
    """He finds his home just fresh, pauses, and fan-out finds it just expired."""

    def scenario(system: System) -> None:
        author, reader = inactive_follower(system)
        system.pass_time(READERS_HORIZON_SECONDS - 1)
        touching = system.hold("reader", "states.touch")
        reading = system.begin("reader", reader.page)
        touching.wait()
        system.pass_time(MARGIN_SECONDS + 2)
        post = author.post()
        system.sleep(1)
        assert is_skipped(system, reader, post)
        touching.open()
        page = reading.result()
        assert page.ids == [post] or page.status != READY
        system.rest()
        assert reader.home() == [post]

    simulate(seed, scenario, SETTINGS)


def test_a_rebuild_whose_request_is_lost_is_asked_for_again() -> None:
    def scenario(system: System) -> None:
        system.start("relay-timeline")
        author, reader = inactive_follower(system)
        system.pass_time(HORIZON_SECONDS)
        reader.page()
        system.sql("states", "DELETE FROM outbox")
        post = author.post()
        system.start_step("relay-timeline", system.step("relay-timeline"), 0.05)
        system.rest()
        assert complete_since(system, reader) == INCOMPLETE
        assert reader.home() == [post]
        system.pass_time(1)
        assert reader.home() == [post]
        system.rest()
        assert complete_since(system, reader) != INCOMPLETE
        assert reader.home() == [post]

    simulate(1, scenario, SETTINGS, start=False)
