"""How long a call may take: not said, too short, too long, and cut off in the middle of a write."""

from __future__ import annotations

import uuid

import pytest

from murmuration.v1 import timeline_pb2, tweet_pb2, user_pb2
from tests.process.running import Api
from tests.wire.raw import RawConnection, message
from tests.wire.test_messages import CREATE_TWEET, GET_USER, answer, get_user

DEADLINE_EXCEEDED = 4


def test_no_deadline(port: int, author: int) -> None:
    assert answer(port, message(get_user(author))).status == 0


@pytest.mark.parametrize("timeout", ["87600H", "99999999H", "99999999999H"])
def test_ten_years_and_more(port: int, author: int, timeout: str) -> None:
    """As many digits as eight are a deadline, which becomes ours; more are none."""
    served = answer(port, message(get_user(author)), ("grpc-timeout", timeout))
    assert served.status in (0, 13)
    assert served.status == 0 or len(timeout) > 9


def test_no_time_at_all(port: int, author: int) -> None:
    assert answer(port, message(get_user(author)), ("grpc-timeout", "0m")).status == DEADLINE_EXCEEDED


@pytest.mark.parametrize("timeout", ["1m", "1u", "1n"])
def test_a_millisecond(port: int, author: int, timeout: str) -> None:
    """Enough or not, it is one of the two, and the connection goes on. What is less counts as one."""
    with RawConnection(port) as connection:
        for _ in range(30):
            found = connection.call(GET_USER, message(get_user(author)), ("grpc-timeout", timeout))
            assert found.status in (0, DEADLINE_EXCEEDED)
        assert connection.call(GET_USER, message(get_user(author))).status == 0


def test_cancelled_in_the_middle_of_a_write(port: int, api: Api) -> None:
    """Whatever became of it: the same request_id again makes one post of it."""
    user = api.call("users.CreateUser", user_pb2.CreateUserRequest(handle="hasty")).user.user_id
    actor = ("murmuration-actor-id", str(user))
    requests = [
        tweet_pb2.CreateTweetRequest(text=f"Never mind {number}", request_id=str(uuid.uuid4())) for number in range(50)
    ]
    with RawConnection(port) as connection:
        for number, request in enumerate(requests):
            stream = connection.open(CREATE_TWEET, actor)
            connection.h2.send_data(stream, message(request.SerializeToString()), end_stream=True)
            connection.flush()
            connection.receive(0.0002 * number)
            if not connection.answers[stream].ended:
                connection.h2.reset_stream(stream, 8)
                connection.flush()
    answered = {api.call("tweets.CreateTweet", request, user).tweet.tweet_id for request in requests}
    home = api.call("timeline.ListHomeTimeline", timeline_pb2.ListHomeTimelineRequest(page_size=100), user)
    assert len(answered) == len(requests)
    assert {item.tweet.tweet_id for item in home.items} == answered
