"""Promise 10: events doubled, delayed or reordered change nothing; poison stops nobody."""

from __future__ import annotations

from random import Random

import pytest

from murmuration.events.v1 import events_pb2
from murmuration.v1 import tweet_pb2
from murmuration_server.eventlog.envelope import LARGE_LANE, REBUILDS, RELATIONS, SCHEMA_VERSION, SMALL_LANE, TWEETS
from murmuration_server.eventlog.port import NewRecord
from tests.support.world import World

TOPICS = (TWEETS, RELATIONS, REBUILDS, SMALL_LANE, LARGE_LANE)


def live(world: World, chance: Random, steps: int) -> None:
    """People do this and that."""
    for _ in range(steps):
        one, another = chance.sample(world.users, 2)
        entries = sorted(world.model.entries)
        act = chance.randrange(9)
        if act < 3 or not entries:
            world.post(one, f"Hello @u{chance.randrange(6)} !")
        elif act == 3:
            world.post(one, "Yes", chance.choice(entries))
        elif act == 4:
            world.repost(one, chance.choice(entries))
        elif act == 5:
            world.delete(chance.choice(entries))
        elif act == 6:
            world.unfollow(one, another)
        else:
            world.follow(one, another)


def check_all(world: World) -> None:
    world.system.settle()
    for user in world.users:
        world.check_rest(user)
        world.check_relations(user)
    world.check_counts()


@pytest.mark.parametrize("seed", range(3))
def test_all_events_again_and_in_any_order(world: World, seed: int) -> None:
    chance = Random(seed)
    for user in world.users:
        world.system.client.admin.set_author_mode(user, chance.choice(tweet_pb2.DeliveryMode.values()))
    live(world, chance, 25)
    world.system.run_until_idle()
    world.system.client.admin.rebuild_timeline(world.users[0])
    live(world, chance, 10)
    check_all(world)
    events = list(world.system.log.appended)
    world.system.log.repeat(world.system.call(), events)
    check_all(world)
    world.system.log.repeat(world.system.call(), events[::-1])
    live(world, chance, 5)
    check_all(world)


@pytest.mark.parametrize("seed", range(3))
def test_events_that_come_late_and_out_of_order(world: World, seed: int) -> None:
    chance = Random(seed)
    world.system.log.holding = True
    live(world, chance, 25)
    world.system.run_until_idle()
    for user in world.users:
        world.check_now(user)
    world.system.log.release(world.system.call(), chance)
    live(world, chance, 5)
    check_all(world)


def test_a_worker_that_dies_before_every_commit(world: World) -> None:
    chance = Random(1)
    for _ in range(4):
        live(world, chance, 6)
        for name in world.system.worker_steps:
            world.system.crash_in(name)
            world.system.step(name)
    check_all(world)


def poison(chance: Random, topic: str) -> NewRecord:
    value = chance.choice(
        [
            b"",
            b"\xff" * 20,
            events_pb2.Envelope(schema_version=SCHEMA_VERSION, event_id="no payload").SerializeToString(),
            events_pb2.Envelope(
                schema_version=SCHEMA_VERSION + 1, rebuild_requested=events_pb2.RebuildRequested(user_id=1)
            ).SerializeToString(),
            events_pb2.Envelope(
                schema_version=SCHEMA_VERSION, delivery_job=events_pb2.DeliveryJob(author_id=1, candidate=b"short")
            ).SerializeToString(),
        ]
    )
    return NewRecord(topic, chance.randrange(10), 0, value)


def test_one_event_in_a_hundred_is_poison_and_stops_nobody(world: World) -> None:
    chance = Random(7)
    put = 0
    for _ in range(8):
        live(world, chance, 6)
        # At least one in each topic, in front of what people do; at least one in a hundred.
        junk = [poison(chance, topic) for topic in TOPICS]
        world.system.log.repeat(world.system.call(), junk)
        put += len(junk)
        live(world, chance, 6)
        world.system.run_until_idle()
    assert put >= len(world.system.log.appended) / 100
    check_all(world)
    assert dead_letters(world), "what could not be handled was set aside"
    backlog = world.system.client.admin.get_backlog()
    assert sum(lane.records for lane in backlog.lanes) == 0


def dead_letters(world: World) -> int:
    return sum(record.topic == "dead-letters" for record in world.system.log.appended)
