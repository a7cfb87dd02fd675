"""Promise 8: one request_id, one effect."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from murmuration.v1 import tweet_pb2
from murmuration_client import AlreadyExists, InvalidArgument, NotFound
from tests.support.contract_threads import at_once
from tests.support.world import World

AT_ONCE = 8


def new_id() -> str:
    return str(uuid.uuid4())


def test_the_same_call_again_answers_the_first(world: World) -> None:
    author, other = world.users[:2]
    client, request_id = world.system.user(author), new_id()
    parent = world.system.user(other).create_tweet("Well?").tweet_id
    first = client.create_tweet("Yes", in_reply_to=parent, request_id=request_id)
    for disturb in (world.system.flush_cache, world.system.restart_serving, world.system.settle):
        disturb()
        again = world.system.user(author).create_tweet("Yes", in_reply_to=parent, request_id=request_id)
        assert again == first
    assert world.home(author) == [first.tweet_id]
    assert world.system.client.get_tweet(parent).counts.replies == 1


def test_the_same_id_in_other_letters_is_the_same(world: World) -> None:
    client, request_id = world.system.user(world.users[0]), uuid.uuid4()
    tweets = {
        client.create_tweet("Hello", request_id=text).tweet_id
        for text in (str(request_id), str(request_id).upper(), request_id.hex)
    }
    assert len(tweets) == 1


def test_the_same_id_with_another_body(world: World) -> None:
    author, other = world.users[:2]
    client, request_id = world.system.user(author), new_id()
    parent = world.system.user(other).create_tweet("Well?").tweet_id
    client.create_tweet("Yes", request_id=request_id)
    for text, answered in (("No", 0), ("Yes", parent)):
        with pytest.raises(AlreadyExists) as refused:
            client.create_tweet(text, in_reply_to=answered, request_id=request_id)
        assert refused.value.reason == "REQUEST_ID_REUSED"
    assert len(world.home(author)) == 1


def test_the_same_id_of_somebody_else_or_for_something_else(world: World) -> None:
    author, other = world.users[:2]
    request_id = new_id()
    one = world.system.user(author).create_tweet("Hello", request_id=request_id).tweet_id
    another = world.system.user(other).create_tweet("Hello", request_id=request_id).tweet_id
    repost = world.system.user(author).create_repost(another, request_id=request_id).tweet_id
    assert len({one, another, repost}) == 3


def test_an_id_is_forgotten_after_a_day(world: World) -> None:
    author, request_id = world.users[0], new_id()
    kept_ms = world.system.settings.tweets.request_id_ms
    client = world.system.user(author)
    first = client.create_tweet("Hello", request_id=request_id)
    world.pass_time(kept_ms / 1000)
    world.system.step("claim-upkeep")
    assert client.create_tweet("Hello", request_id=request_id) == first
    world.pass_time(0.001)
    world.system.step("claim-upkeep")
    second = client.create_tweet("Hello", request_id=request_id)
    assert second.tweet_id > first.tweet_id
    assert client.create_tweet("Hello", request_id=request_id) == second


def test_what_was_deleted_since_does_not_come_back(world: World) -> None:
    author, request_id = world.users[0], new_id()
    client = world.system.user(author)
    client.delete_tweet(client.create_tweet("Hello", request_id=request_id).tweet_id)
    with pytest.raises(NotFound):
        client.create_tweet("Hello", request_id=request_id)
    assert world.home(author) == []


def test_reposts(world: World) -> None:
    author, reposter = world.users[:2]
    post, other = (world.system.user(author).create_tweet(text).tweet_id for text in ("One", "Two"))
    client, request_id = world.system.user(reposter), new_id()
    first = client.create_repost(post, request_id=request_id)
    assert client.create_repost(post, request_id=request_id) == first
    assert client.create_repost(post, request_id=new_id()) == first, "one stands already"
    with pytest.raises(AlreadyExists):
        client.create_repost(other, request_id=request_id)
    assert world.system.client.get_tweet(post).counts.reposts == 1


def test_accounts(world: World) -> None:
    client, request_id = world.system.client, new_id()
    first = client.create_user("robin", "Robin", request_id=request_id)
    assert client.create_user("robin", "Robin", request_id=request_id) == first
    for name, other_id, reason in (
        ("Robin", new_id(), "HANDLE_TAKEN"),
        ("Somebody else", request_id, "REQUEST_ID_REUSED"),
    ):
        with pytest.raises(AlreadyExists) as refused:
            client.create_user("robin", name, request_id=other_id)
        assert refused.value.reason == reason
    assert client.create_user("wren", "Robin", request_id=request_id).user_id != first.user_id, "another handle"


@pytest.mark.parametrize("mode", [tweet_pb2.DELIVERY_MODE_PUSH, tweet_pb2.DELIVERY_MODE_PULL])
@pytest.mark.parametrize("seconds", [0, 5, 60, 2000])
def test_a_call_that_died_halfway_is_finished_under_its_id(world: World, mode: int, seconds: int) -> None:
    reader, author = world.users[:2]
    world.follow(reader, author)
    world.system.client.admin.set_author_mode(author, mode)
    before = world.post(author)
    request_id = world.fail_to_post(author)
    after = [world.post(author) for _ in range(2)]
    world.system.settle()
    world.pass_time(seconds)
    world.system.refresh_view()
    late = world.post_again(author, request_id)
    assert before < late < min(after)
    for user in (reader, author):
        world.check_now(user)
    world.system.settle()
    for user in (reader, author):
        world.check_rest(user)


def test_a_call_that_is_finished_late_hides_nothing_older(world: World) -> None:
    author = world.users[0]
    for _ in range(2):
        world.post(author)
    request_id = world.fail_to_post(author)
    posts = [world.post(author) for _ in range(3)]
    world.check_now(author)
    world.delete(posts[-1])
    world.post_again(author, request_id)
    world.check_now(author)
    world.system.settle()
    world.check_rest(author)


@pytest.mark.parametrize("request_id", ["x", "0" * 31, "0" * 1000, "\N{SNOWMAN}" * 36])
def test_what_is_no_request_id(world: World, request_id: str) -> None:
    with pytest.raises(InvalidArgument):
        world.system.user(world.users[0]).create_tweet("Hello", request_id=request_id)


def test_the_same_call_many_times_at_once(make_world: Callable[..., World]) -> None:
    world = make_world(2, server={"threads": AT_ONCE})
    author, other = world.users
    client = world.system.user(author)
    parent = world.system.user(other).create_tweet("Well?").tweet_id
    for _ in range(5):
        request_id, handle = new_id(), f"h{new_id()[:8]}"
        tweets = at_once(
            [lambda: client.create_tweet("Yes", in_reply_to=parent, request_id=request_id)] * AT_ONCE  # noqa: B023
        )
        assert len({tweet.tweet_id for tweet in tweets}) == 1
        reposts = at_once([lambda: client.create_repost(parent, request_id=request_id)] * AT_ONCE)  # noqa: B023
        assert len({repost.tweet_id for repost in reposts}) == 1
        users = at_once([lambda: client.create_user(handle, "R", request_id=request_id)] * AT_ONCE)  # noqa: B023
        assert len({user.user_id for user in users}) == 1
        client.delete_repost(parent)
    counts = client.get_tweet(parent).counts
    assert (counts.replies, counts.reposts) == (5, 0)


def test_reposts_at_once_without_a_common_id_are_one(make_world: Callable[..., World]) -> None:
    world = make_world(1, server={"threads": AT_ONCE})
    client = world.system.user(world.users[0])
    post = client.create_tweet("Hello").tweet_id
    reposts = at_once([lambda: client.create_repost(post)] * AT_ONCE)
    assert len({repost.tweet_id for repost in reposts}) == 1
    assert client.get_tweet(post).counts.reposts == 1
