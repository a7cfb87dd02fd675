"""Headers that are too long, too many, broken, or never end."""

from __future__ import annotations

import pytest

from tests.wire.process import Process
from tests.wire.raw import CONTINUATION, HEADERS, Pair, RawConnection, frame, message
from tests.wire.test_messages import EXHAUSTED, GET_USER, INTERNAL, answer, get_user


def test_a_header_of_40_kb(port: int, author: int) -> None:
    refused = answer(port, message(get_user(author)), ("x", "a" * 40_000))
    assert refused.status == EXHAUSTED
    assert "metadata size exceeds" in refused.headers["grpc-message"]


def test_500_headers(port: int, author: int) -> None:
    """With names and values of some length they are over the limit, which counts bytes."""
    headers: list[Pair] = [(f"x-header-{number}", "a value") for number in range(500)]
    assert answer(port, message(get_user(author)), *headers).status == EXHAUSTED


def test_headers_within_the_limit_are_passed_over(port: int, author: int) -> None:
    assert answer(port, message(get_user(author)), ("x", "a" * 15_000)).status == 0
    headers: list[Pair] = [(f"x{number}", "a") for number in range(100)]
    assert answer(port, message(get_user(author)), *headers).status == 0


def test_headers_just_over_the_limit_are_refused_each_time(port: int, author: int) -> None:
    """gRPC leaves it to chance between its soft limit and its hard one; here they are one."""
    with RawConnection(port) as connection:
        for _ in range(5):
            assert connection.call(GET_USER, message(get_user(author)), ("x", "a" * 16_500)).status == EXHAUSTED


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(("x-bin", "!!!!"), id="no base64"),
        pytest.param(("traceparent-bin", "abcde"), id="base64 that ends too soon"),
        pytest.param(("X-Upper", "a"), id="capital letters"),
        pytest.param(("grpc-timeout", "soon"), id="a deadline that is none"),
    ],
)
def test_a_broken_header(port: int, author: int, header: Pair) -> None:
    assert answer(port, message(get_user(author)), header).status == INTERNAL


def test_headers_without_end(port: int, process: Process) -> None:
    """CONTINUATION frames, one after the other, each with more."""
    more = frame(CONTINUATION, 0, 1, b"\x00\x01a\x7f\x81\x01" + b"b" * 256)

    def flood() -> None:
        with RawConnection(port) as connection:
            connection.send(frame(HEADERS, 0, 1, b"\x83\x86\x84") + more * 20_000)
            connection.until_closed()

    process.stays_flat(flood)
