"""Trace F: from the ack to the log, with the whole relay; writers that pause, die, or have another clock."""

from __future__ import annotations

import pytest

from murmuration_server.platform.errors import MurmurationError, OutboxFull, Unavailable
from murmuration_server.roles.working import Working
from tests.support.sim import Person, System, settings, simulate

BUCKET_SECONDS, RESWEEP_SECONDS, MARGIN_SECONDS = 2.0, 2.0, 0.8
SETTINGS = settings(
    outbox={
        "bucket_ms": int(BUCKET_SECONDS * 1000),
        "resweep_ms": int(RESWEEP_SECONDS * 1000),
        "margin_ms": int(MARGIN_SECONDS * 1000),
    }
)
QUOTA = 6
SMALL_OUTBOX = settings(outbox={"quota_rows": QUOTA})
COUNTED_SECONDS = 2.0
"""Until the janitor has looked again."""
SEEDS = (1, 2, 3)


def author_and_reader(system: System) -> tuple[Person, Person]:
    """With nothing under way, at the beginning of a bucket."""
    author, reader = system.people("author reader")
    reader.follow(author)
    system.rest()
    start_bucket(system)
    return author, reader


def start_bucket(system: System) -> None:
    system.sleep(BUCKET_SECONDS - system.runtime.now_ms() / 1000 % BUCKET_SECONDS + 0.001)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("pause", [BUCKET_SECONDS, BUCKET_SECONDS + RESWEEP_SECONDS, 20.0])
def test_a_writer_pauses_before_its_write(seed: int, pause: float) -> None:
    """It has chosen its bucket; the bucket is swept, or swept for the last time; the row lands there; ack."""

    def scenario(system: System) -> None:
        author, reader = author_and_reader(system)
        paused = system.hold("slow", "tweets.create")
        slow = system.begin("slow", author.post)
        paused.wait()
        other = author.post()
        system.sleep(pause)
        paused.open()
        late = slow.result()
        system.rest()
        assert reader.home() == [other, late]

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_relation_is_written_late(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        post = author.post()
        system.rest()
        start_bucket(system)
        paused = system.hold("slow", "graph.apply")
        slow = system.begin("slow", lambda: reader.follow(author))
        paused.wait()
        author.follow(reader)
        system.sleep(20)
        paused.open()
        slow.result()
        system.rest()
        assert system.sql("homes", "SELECT tweet_id FROM home WHERE user_id = ?", reader.user_id) == [(post,)]

    simulate(seed, scenario, SETTINGS)


def test_a_bucket_is_swept_again_some_while_after_its_end() -> None:
    """A write that begins in a bucket's last moment is there a moment after its end, and is acked."""

    def scenario(system: System) -> None:
        author, reader = author_and_reader(system)
        system.sleep(BUCKET_SECONDS - 0.1)
        paused = system.hold("slow", "tweets.create")
        slow = system.begin("slow", author.post)
        paused.wait()
        other = author.post()
        system.sleep(0.4)
        paused.open()
        late = slow.result()
        system.rest()
        assert reader.home() == [other, late]

    for seed in SEEDS:
        simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("behind", [0.2, 0.5, 0.75])
def test_a_writer_whose_clock_is_behind_the_relays(behind: float) -> None:
    def scenario(system: System) -> None:
        author, reader = author_and_reader(system)
        slow_process = system.serve("behind", clock_offset_ms=-int(behind * 1000))
        system.sleep(behind + 0.2)
        paused = system.hold("slow", "tweets.create")
        slow = system.begin("slow", system.via(author, slow_process).post)
        paused.wait()
        other = author.post()
        # By the relay's clock the bucket is swept for the last time now; by the writer's it is not.
        system.sleep(BUCKET_SECONDS + RESWEEP_SECONDS - behind - 0.15)
        paused.open()
        late = slow.result()
        system.rest()
        assert set(reader.home()) == {other, late}

    for seed in SEEDS:
        simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_writer_dies_between_its_write_and_its_ack(seed: int) -> None:
    """The post is stored and so is its event: it is delivered all the same."""

    def scenario(system: System) -> None:
        author, reader = author_and_reader(system)
        dead = system.hold("dies", "tweets.create.done")
        system.begin("dies", author.post)
        dead.wait()
        system.rest()
        assert len(reader.home()) == 1

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_writer_of_a_relation_dies_before_it_voids_the_cache(seed: int) -> None:
    """What it has written is seen when the event's consumer has voided the entries again."""

    def scenario(system: System) -> None:
        author, reader = system.people("author reader")
        reader.follow(author)
        author.post()
        system.rest()
        assert len(reader.home()) == 1
        dead = system.hold("dies", "graph.apply.done")
        system.begin("dies", lambda: reader.unfollow(author))
        dead.wait()
        system.rest()
        assert reader.home() == []

    simulate(seed, scenario, SETTINGS)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_relay_that_begins_anew_repeats_and_changes_nothing(seed: int) -> None:
    def scenario(system: System) -> None:
        author, reader = author_and_reader(system)
        posts = [author.post() for _ in range(3)]
        _start_relays(system, system.work(), "second")
        posts.append(author.post())
        system.sleep(0.2)
        _start_relays(system, system.work(), "third")
        system.sleep(BUCKET_SECONDS + RESWEEP_SECONDS)
        system.rest()
        assert reader.home() == posts[::-1]

    simulate(seed, scenario, SETTINGS)


def test_nothing_is_lost_while_the_log_is_away() -> None:
    """Posts are acked and seen by who wrote them; they are delivered when the log is back, however late."""

    def scenario(system: System) -> None:
        system.expects_errors = True
        author, reader = author_and_reader(system)
        system.runtime.hooks["log.append"] = _is_away
        system.runtime.hooks["log.relay_position"] = _is_away
        posts = []
        for _ in range(4):
            posts.append(author.post())
            assert author.home() == posts[::-1]
            system.sleep(BUCKET_SECONDS)
        system.pass_time(RESWEEP_SECONDS * 3)
        assert reader.home() == []
        system.runtime.hooks.clear()
        system.rest()
        assert reader.home() == posts[::-1]

    simulate(1, scenario, SETTINGS)


def test_acks_end_where_the_outbox_is_full() -> None:
    def scenario(system: System) -> None:
        system.expects_errors = True
        author, reader = author_and_reader(system)
        system.runtime.hooks["log.append"] = _is_away
        counting = system.hold("outbox-janitor", "log.relay_position").wait()
        posts = [author.post() for _ in range(QUOTA)]
        _assert_refused(author)
        counting.open()
        system.runtime.hooks.clear()
        system.rest()
        system.sleep(COUNTED_SECONDS)
        posts.append(author.post())
        system.rest()
        assert reader.home() == posts[::-1]

    simulate(1, scenario, SMALL_OUTBOX)


def test_what_is_acked_while_the_janitor_counts_is_counted() -> None:
    def scenario(system: System) -> None:
        system.expects_errors = True
        author, _ = author_and_reader(system)
        system.runtime.hooks["log.append"] = _is_away
        counting = system.hold("outbox-janitor", "states.outbox_backlog").wait()
        for _ in range(QUOTA):
            author.post()
        counting.open()
        system.sleep(0.1)
        _assert_refused(author)

    simulate(1, scenario, SMALL_OUTBOX)


def _assert_refused(author: Person) -> None:
    with pytest.raises(MurmurationError) as refused:
        author.post()
    assert refused.value.reason == OutboxFull().reason


def _is_away(*_arguments: object) -> None:
    raise Unavailable("the log")


def _start_relays(system: System, working: Working, prefix: str) -> None:
    for name, step, idle in working.steps:
        if name.startswith("relay"):
            system.start_step(f"{prefix}-{name}", step, idle)
