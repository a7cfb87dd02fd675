"""What was set aside is seen with its reason, and is delivered once what was wrong is mended."""

from __future__ import annotations

import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.events.v1 import events_pb2
from murmuration_client import InvalidArgument, NotFound
from murmuration_server.eventlog.envelope import DEAD_LETTERS, REBUILDS, TWEETS
from murmuration_server.eventlog.port import NewRecord
from tests.support.world import World

OPEN, RETRIED, DROPPED = (
    admin_pb2.DeadLetter.STATE_OPEN,
    admin_pb2.DeadLetter.STATE_RETRIED,
    admin_pb2.DeadLetter.STATE_DROPPED,
)


def letters(world: World, **how: object) -> list[admin_pb2.DeadLetter]:
    world.system.run_until_idle()
    return list(world.system.client.admin.iter_dead_letters(**how))  # type: ignore[arg-type]


def put_poison(world: World, count: int, topic: str = REBUILDS) -> None:
    world.system.log.repeat(world.system.call(), [NewRecord(topic, key, 5, b"\xff%d" % key) for key in range(count)])


def appended(world: World, topic: str) -> int:
    return sum(record.topic == topic for record in world.system.log.appended)


@pytest.fixture
def undelivered(world: World) -> World:
    """A post whose delivery failed in a way that nobody had foreseen."""
    world.follow(world.users[0], world.users[1])
    world.system.settle()
    world.system.tweet_store.broken = {"restore"}
    world.post(world.users[1], "Hello")
    world.system.run_until_idle()
    world.system.tweet_store.broken = set()
    return world


def test_a_letter_says_what_failed_and_where(undelivered: World) -> None:
    [letter] = letters(undelivered)
    assert (letter.group, letter.topic, letter.key, letter.state) == (
        "fanout-planner",
        TWEETS,
        undelivered.users[1],
        OPEN,
    )
    assert letter.dead_letter_id == f"fanout-planner/tweets/{letter.partition}/{letter.offset}"
    assert "error" in letter.reason
    assert letter.set_aside_ms == undelivered.system.now_ms()
    whole = undelivered.system.client.admin.get_dead_letter(letter.dead_letter_id)
    event = events_pb2.Envelope.FromString(whole.value)
    assert event.tweet_created.author_id == undelivered.users[1]
    assert (letter.value, letter.origin_ms) == (b"", event.origin_ms)


def test_what_is_retried_is_delivered(undelivered: World) -> None:
    [letter] = letters(undelivered)
    [answer] = undelivered.system.client.admin.retry_dead_letters([letter.dead_letter_id])
    assert answer.state == RETRIED
    assert letters(undelivered) == []
    [settled] = letters(undelivered, include_settled=True)
    assert (settled.state, settled.settled_ms) == (RETRIED, undelivered.system.now_ms())
    undelivered.system.settle()
    for user in undelivered.users:
        undelivered.check_rest(user)


def test_a_letter_is_retried_once(undelivered: World) -> None:
    before = appended(undelivered, TWEETS)
    [letter] = letters(undelivered)
    admin = undelivered.system.client.admin
    for _ in range(3):
        # Before the relay has come by, and after.
        assert admin.retry_dead_letters([letter.dead_letter_id] * 2)[0].state == RETRIED
        assert admin.retry_dead_letters([letter.dead_letter_id])[0].state == RETRIED
        undelivered.system.run_until_idle()
    assert appended(undelivered, TWEETS) == before + 1
    [stays] = admin.drop_dead_letters([letter.dead_letter_id])
    assert stays.state == RETRIED


def test_what_fails_again_is_a_new_letter(world: World) -> None:
    put_poison(world, 1)
    [letter] = letters(world)
    world.system.client.admin.retry_dead_letters([letter.dead_letter_id])
    [again] = letters(world)
    assert again.dead_letter_id != letter.dead_letter_id
    assert (again.group, again.topic, again.key, again.origin_ms) == ("rebuilder", REBUILDS, 0, 5)


def test_what_is_dropped_is_not_sent(world: World) -> None:
    put_poison(world, 2)
    before = appended(world, REBUILDS)
    one, other = letters(world)
    [dropped] = world.system.client.admin.drop_dead_letters([one.dead_letter_id])
    assert dropped.state == DROPPED
    assert letters(world) == [other]
    assert appended(world, REBUILDS) == before
    assert {letter.state for letter in letters(world, include_settled=True)} == {OPEN, DROPPED}


def test_a_record_set_aside_twice_is_one_letter(world: World) -> None:
    put_poison(world, 1)
    [letter] = letters(world)
    [there] = [record for record in world.system.log.appended if record.topic == DEAD_LETTERS]
    world.system.log.repeat(world.system.call(), [there])
    assert letters(world) == [letter]


def test_letters_of_one_group(undelivered: World) -> None:
    put_poison(undelivered, 1)
    assert len(letters(undelivered)) == 2
    assert [letter.group for letter in letters(undelivered, group="rebuilder")] == ["rebuilder"]
    assert letters(undelivered, group="nobody") == []


def test_pages_hold_each_letter_once(world: World) -> None:
    for _ in range(4):
        put_poison(world, 3)
        world.system.run_until_idle()
        world.pass_time(1)
    whole = letters(world)
    assert len(whole) == 12
    assert letters(world, page_size=2) == letters(world, page_size=5) == whole
    times = [letter.set_aside_ms for letter in whole]
    assert times == sorted(times, reverse=True)


def test_an_id_that_is_not_there(world: World) -> None:
    put_poison(world, 1)
    [letter] = letters(world)
    admin = world.system.client.admin
    for act in (admin.retry_dead_letters, admin.drop_dead_letters):
        with pytest.raises(NotFound, match="rebuilder/rebuilds/9/9"):
            act([letter.dead_letter_id, "rebuilder/rebuilds/9/9"])
    with pytest.raises(NotFound, match="no dead letter"):
        admin.get_dead_letter("")
    assert letters(world) == [letter], "where one is not there nothing is done"


@pytest.mark.parametrize("count", [0, 101])
def test_how_many_at_a_time(world: World, count: int) -> None:
    with pytest.raises(InvalidArgument, match="between 1 and 100"):
        world.system.client.admin.retry_dead_letters(["x"] * count)
