"""Two processes of every role: what is promised holds across processes, while any of them is killed, stopped or rolled,
and while servers below them come and go.

A test's recovery times are printed, and not asserted.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from murmuration_client import Client, NotFound
from tests.process.running import until
from tests.stack.town import CALL_SECONDS, SELDOM_CALLED, Town, answered
from tools.stack.memcached import flush
from tools.stack.roles import ROLES
from tools.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(900)]

SEED = 26_11
BEFORE, AFTER = 60, 30
"""Calls answered before a fault, and after it is over."""
ROLLS = 10
LONGER_THAN_A_SESSION = 14.0
"""Seconds. A consumer that is silent for `kafka.session_timeout_ms` loses its partitions to others."""
LONGER_THAN_A_TURN = 8.0
KAFKA_AWAY_SECONDS = 30.0


@pytest.fixture(scope="module")
def town(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Town(stack, tmp_path_factory.mktemp("roles"), dict.fromkeys(ROLES, 2), SEED) as made:
        yield made


@pytest.fixture
def gateways(town: Town) -> Iterator[tuple[Client, Client]]:
    """A client of each gateway."""
    targets = [town.roles.process("gateway", number).target for number in range(2)]
    with Client(targets[0], timeout=CALL_SECONDS) as one, Client(targets[1], timeout=CALL_SECONDS) as other:
        yield one, other


def whole(town: Town) -> None:
    found = town.come_right()
    assert not found, found


# Across processes


def test_what_one_process_acked_every_process_shows_on_the_next_read(
    town: Town, gateways: tuple[Client, Client]
) -> None:
    """Own posts, deletes, unfollows and counts, each read often enough to meet both processes of each role."""
    one, other = gateways
    author, reader = (one.create_user(f"x{uuid.uuid4().hex[:10]}").user_id for _ in range(2))
    one.acting_as(reader).follow(author)
    post = one.acting_as(author).create_tweet("seen by himself at once").tweet_id
    for client in (other, one) * 4:
        assert post in [item.tweet.tweet_id for item in client.acting_as(author).home_page(5).items]
    until(
        "the post in his follower's home",
        lambda: post in [item.tweet.tweet_id for item in other.acting_as(reader).home_page(5).items],
    )
    reply = other.acting_as(reader).create_tweet("I see", in_reply_to=post).tweet_id
    assert {client.get_tweet(post).counts.replies for client in (one, other) * 4} == {1}
    one.acting_as(reader).unfollow(author)
    for client in (other, one) * 4:
        assert post not in [item.tweet.tweet_id for item in client.acting_as(reader).home_page(5).items]
    other.acting_as(reader).delete_tweet(reply)
    for client in (one, other) * 4:
        assert reply not in [item.tweet.tweet_id for item in client.acting_as(reader).home_page(5).items]
        with pytest.raises(NotFound):
            client.get_tweet(reply)
    assert {client.get_tweet(post).counts.replies for client in (one, other) * 4} == {0}


def test_one_request_id_has_one_effect_when_called_twice_at_once_on_two_processes(
    town: Town, gateways: tuple[Client, Client]
) -> None:
    author = gateways[0].create_user(f"x{uuid.uuid4().hex[:10]}").user_id
    with ThreadPoolExecutor(4) as pool:
        for _ in range(10):
            request_id = str(uuid.uuid4())
            calls = [
                pool.submit(client.acting_as(author).create_tweet, "only once", request_id=request_id)
                for client in gateways * 2
            ]
            assert len({call.result().tweet_id for call in calls}) == 1
    assert len(list(gateways[1].iter_user_tweets(author))) == 10


def test_each_of_two_processes_does_a_part_of_the_work(town: Town) -> None:
    with town.in_use():
        town.await_acked(BEFORE)
    whole(town)
    idle = [process.name for process in town.processes() if process.role not in SELDOM_CALLED and not answered(process)]
    assert not idle, "nobody has called these"


# While one of them is away


@pytest.mark.parametrize("role", ROLES)
def test_one_process_of_a_role_is_killed(town: Town, role: str) -> None:
    victim = town.roles.process(role, 0)
    with town.in_use():
        town.await_acked(BEFORE)
        victim.kill()
        seconds = town.probe()
        victim.start()
        town.await_acked(AFTER)
    print(f"{role} killed, another one there: posts are taken and delivered again after {seconds:.1f} s")
    whole(town)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_rolled_and_no_call_fails(town: Town, role: str) -> None:
    """As a deployment rolls it: told to stop, begun anew, one after the other."""
    with town.without_failures():
        town.await_acked(AFTER)
        for number in range(2):
            process = town.roles.process(role, number)
            process.restart()
            assert process.status in (None, 0)
            town.await_acked(AFTER)
    whole(town)


@pytest.mark.timeout(1800)
def test_all_roles_are_rolled_ten_times_and_no_call_fails(town: Town) -> None:
    """All at once, as a change of settings rolls them: of each role one process after the other."""
    begun = time.monotonic()
    with town.without_failures():
        for number in (0, 1) * ROLLS:
            town.await_acked(AFTER)
            rolled = [town.roles.process(role, number) for role in ROLES]
            for process in rolled:
                process.begin_stop()
            for process in rolled:
                process.await_end()
                assert process.status == 0, process.name
                process.begin()
            for process in rolled:
                process.await_ready()
                town.await_found(process)
    print(f"all roles rolled {ROLLS} times in {time.monotonic() - begun:.0f} s")
    whole(town)


@pytest.mark.parametrize(("role", "seconds"), [("fanout", LONGER_THAN_A_SESSION), ("relay", LONGER_THAN_A_TURN)])
def test_a_worker_that_stood_still_for_longer_than_its_lease_harms_nobody(
    town: Town, role: str, seconds: float
) -> None:
    with town.in_use():
        town.await_acked(BEFORE)
        victims = [town.roles.process(role, number) for number in range(2)]
        for victim in victims:
            stopped = time.monotonic()
            victim.pause()
            taken_over = town.probe()
            until("the lease to be over", lambda: time.monotonic() - stopped > seconds)  # noqa: B023
            victim.resume()
            print(f"{victim.name} stood still: its work was taken over after {taken_over:.1f} s")
            town.await_acked(AFTER)
    whole(town)


# While the servers below come and go


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_cache_node_goes_and_comes_back(town: Town, stack: Stack, how: str) -> None:
    """Killed, it comes back empty; cut off, it comes back with all that it held."""
    node = stack.memcached[0].process
    with town.in_use():
        town.await_acked(BEFORE)
        node.kill() if how == "kill" else node.pause()
        seconds = town.probe()
        town.await_acked(BEFORE)
        node.start() if how == "kill" else node.resume()
        town.await_acked(BEFORE)
    print(f"a cache node gone ({how}): posts are taken and delivered again after {seconds:.1f} s")
    whole(town)


def test_all_caches_are_flushed_again_and_again(town: Town, stack: Stack) -> None:
    with town.in_use():
        for _ in range(8):
            town.await_acked(BEFORE // 4)
            for server in stack.memcached:
                flush(server.clients)
    whole(town)


def test_posts_are_taken_while_the_log_is_away(town: Town, stack: Stack) -> None:
    kafka = stack.kafka.process
    with town.in_use():
        town.await_acked(BEFORE)
        begun, acked = time.monotonic(), town.load.tally.acked
        kafka.kill()
        until("half a minute without the log", lambda: time.monotonic() - begun > KAFKA_AWAY_SECONDS)
        without = (town.load.tally.acked - acked) / (time.monotonic() - begun)
        kafka.start()
        back = time.monotonic()
        town.probe()
        seconds = time.monotonic() - back
        begun, acked = time.monotonic(), town.load.tally.acked
        town.await_acked(BEFORE * 2)
        beside = (town.load.tally.acked - acked) / (time.monotonic() - begun)
    print(
        f"without the log {without:.0f} calls/s acked, with it {beside:.0f}; delivering {seconds:.1f} s after its start"
    )
    assert without > 0
    whole(town)


def test_the_database_is_killed_and_comes_back(town: Town, stack: Stack) -> None:
    """The only node, so nothing is acked meanwhile, and what is refused is refused in time."""
    node = stack.cassandra[0].process
    with town.in_use():
        town.await_acked(BEFORE)
        node.kill()
        asked = time.monotonic()
        with pytest.raises(Exception):  # noqa: B017 - any error of the client's
            town.client.acting_as(town.users[0]).create_tweet("nobody can keep this")
        assert time.monotonic() - asked < CALL_SECONDS + 5
        node.start()
        seconds = town.probe()
        town.await_acked(AFTER)
    print(f"the database killed and back: posts are taken and delivered {seconds:.1f} s after its start")
    whole(town)
