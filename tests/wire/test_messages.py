"""One call at a time, with bytes that no library would send."""

from __future__ import annotations

import struct
import uuid

import grpc
import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2, user_pb2
from tests.process.running import Api
from tests.wire.process import Process
from tests.wire.raw import Answer, Pair, RawConnection, bomb, message

GET_USER = "/murmuration.v1.UserService/GetUser"
CREATE_TWEET = "/murmuration.v1.TweetService/CreateTweet"
MEBIBYTE = 1 << 20
GZIP = ("grpc-encoding", "gzip")
INVALID, EXHAUSTED, UNIMPLEMENTED, INTERNAL = 3, 8, 12, 13


def answer(port: int, data: bytes, *extra: Pair, path: str = GET_USER) -> Answer:
    with RawConnection(port) as connection:
        return connection.call(path, data, *extra)


def get_user(user: int) -> bytes:
    return user_pb2.GetUserRequest(user_id=user).SerializeToString()


def test_a_message_over_the_limit(port: int, process: Process) -> None:
    process.stays_flat(lambda: answer(port, message(bytes(5 * MEBIBYTE))))
    assert answer(port, message(bytes(5 * MEBIBYTE))).status == EXHAUSTED


def test_a_length_of_four_gibibytes(port: int) -> None:
    """Nothing is allocated for what is only announced."""
    assert answer(port, struct.pack(">BI", 0, 2**32 - 1) + b"x").status == EXHAUSTED


def test_a_compressed_bomb(port: int, process: Process) -> None:
    packed = bomb(64 * MEBIBYTE)
    assert len(packed) < MEBIBYTE
    before = process.peak_bytes()
    refused = answer(port, packed, GZIP)
    assert refused.status == EXHAUSTED
    assert "larger than max" in refused.headers["grpc-message"]
    assert process.peak_bytes() < before + 16 * MEBIBYTE, "it was unpacked"
    process.stays_flat(lambda: answer(port, packed, GZIP))


@pytest.mark.parametrize(
    ("data", "extra", "status"),
    [
        pytest.param(message(b"no gzip", compressed=True), [GZIP], INTERNAL, id="what is not compressed"),
        pytest.param(message(b"", compressed=True), [], INTERNAL, id="compressed, it does not say how"),
        pytest.param(message(b"x", compressed=True), [("grpc-encoding", "zstd")], INTERNAL, id="an unknown way"),
        pytest.param(message(b"\x12\x02\xff\xfe"), [], INVALID, id="text that is not UTF-8"),
        pytest.param(message(b"\x12\x7fshort"), [], INVALID, id="a field cut off"),
        pytest.param(message(b"\x0b" * 101 + b"\x0c" * 101), [], INVALID, id="nesting of 101"),
        pytest.param(message(b""), [], INVALID, id="an unset oneof"),
        pytest.param(b"", [], INVALID, id="no message"),
        pytest.param(struct.pack(">BI", 0, 100) + b"x", [], INVALID, id="a message cut off"),
        pytest.param(message(b"")[:3], [], INVALID, id="its length cut off"),
    ],
)
def test_what_is_no_request(port: int, data: bytes, extra: list[Pair], status: int) -> None:
    assert answer(port, data, *extra).status == status


def test_a_huge_unknown_field_is_passed_over(port: int, author: int, process: Process) -> None:
    unknown = b"\xa2\x06" + b"\x80\x80\xc0\x01" + bytes(3 * MEBIBYTE)
    process.stays_flat(lambda: answer(port, message(get_user(author) + unknown)))
    served = answer(port, message(get_user(author) + unknown))
    assert served.status == 0
    assert len(served.data) < 200


def test_an_unknown_value_of_an_enum(api: Api, author: int) -> None:
    request = admin_pb2.SetAuthorModeRequest.FromString(
        admin_pb2.SetAuthorModeRequest(user_id=author).SerializeToString() + b"\x10\x63"
    )
    assert request.mode == 99
    with pytest.raises(Exception, match="mode") as failure:
        api.call("admin.SetAuthorMode", request)
    assert failure.value.code is grpc.StatusCode.INVALID_ARGUMENT  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/murmuration.v1.UserService/Explode", "/", "no path", "/" + "a" * 5000])
def test_an_unknown_method(port: int, author: int, path: str) -> None:
    assert answer(port, message(get_user(author)), path=path).status == UNIMPLEMENTED


@pytest.mark.parametrize("content_type", ["application/json", "text/plain; charset=utf-16", ""])
def test_another_content_type_is_read_as_grpc_all_the_same(port: int, author: int, content_type: str) -> None:
    with RawConnection(port) as connection:
        assert connection.call(GET_USER, message(get_user(author)), content_type=content_type).status == 0
        assert connection.call(GET_USER, b'{"handle": "author"}', content_type=content_type).status is not None


def test_one_request_is_read_and_no_more(port: int, api: Api, author: int) -> None:
    """A second message on a call that takes one changes nothing."""
    posts = [
        tweet_pb2.CreateTweetRequest(text=text, request_id=str(uuid.uuid4())).SerializeToString()
        for text in ("the first", "the second")
    ]
    actor = ("murmuration-actor-id", str(author))
    assert answer(port, b"".join(map(message, posts)), actor, path=CREATE_TWEET).status == 0
    listed = api.call("tweets.ListUserTweets", tweet_pb2.ListUserTweetsRequest(user_id=author)).tweets
    texts = [tweet.text for tweet in listed]
    assert "the first" in texts
    assert "the second" not in texts
