"""Calls that are begun and not gone on with: by the thousand, reset, half sent, never read."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from murmuration.v1 import timeline_pb2, user_pb2
from tests.process.running import Api, Server, until, value
from tests.wire.conftest import MAX_STREAMS, PEER_WAIT_SECONDS, SETTINGS
from tests.wire.neighbour import Neighbour
from tests.wire.process import Process
from tests.wire.raw import RST_STREAM, RawConnection, frame, message
from tests.wire.test_messages import GET_USER, get_user

CANCEL = b"\x00\x00\x00\x08"
CANCELLED = 1
WITHIN_SECONDS = 30.0
HOME = "/murmuration.v1.TimelineService/ListHomeTimeline"


def given_up(server: Server, reason: str) -> float:
    return value(server.metrics("serving"), "murmuration_calls_given_up_total", **{"for": reason})


def all_over(connection: RawConnection) -> Callable[[], bool]:
    return lambda: all(answer.ended or answer.reset is not None for answer in connection.answers.values())


def test_streams_opened_and_reset_by_the_thousand(port: int, author: int, process: Process) -> None:
    def attack() -> None:
        with RawConnection(port) as connection:
            for _ in range(2_000):
                stream = connection.open(GET_USER)
                connection.h2.send_data(stream, message(get_user(author)), end_stream=True)
                connection.flush()
                connection.h2.reset_stream(stream, 8)
                connection.flush()
                connection.receive(0)
                assert not connection.closed

    process.stays_flat(attack)


def test_streams_reset_again_and_again(port: int, author: int, process: Process) -> None:
    def attack() -> None:
        with RawConnection(port) as connection:
            stream = connection.open(GET_USER)
            connection.send(frame(RST_STREAM, 0, stream, CANCEL) * 50_000)
            assert connection.call(GET_USER, message(get_user(author))).status in (0, None)

    process.stays_flat(attack)


def test_more_calls_on_a_connection_than_there_may_be(port: int) -> None:
    with RawConnection(port) as connection:
        assert connection.h2.remote_settings.max_concurrent_streams == MAX_STREAMS


def test_requests_that_never_come(port: int, server: Server, process: Process, undisturbed: Neighbour) -> None:
    """Four connections with as many calls as each may have: more than there are threads to wait for them."""
    before = given_up(server, "request")
    connections = [RawConnection(port) for _ in range(4)]
    for connection in connections:
        for _ in range(MAX_STREAMS):
            connection.open(GET_USER)
    undisturbed.has_called(10)
    for connection in connections:
        connection.until("the calls to be given up", all_over(connection))
        assert {answer.status for answer in connection.answers.values()} == {CANCELLED}
        connection.socket.close()
    assert given_up(server, "request") >= before + 4 * MAX_STREAMS


def test_where_many_wait_nobody_waits_long(tmp_path: Path) -> None:
    """A server with patience for few has none for a crowd."""
    with Server(tmp_path / "data", SETTINGS | {"server.peer_wait_ms": 600_000}) as patient:
        connections = [RawConnection(int(patient.ready["port"])) for _ in range(3)]
        for connection in connections:
            for _ in range(MAX_STREAMS):
                connection.open(GET_USER)
        with Api(patient.target) as api:
            api.call("users.CreateUser", user_pb2.CreateUserRequest(handle="author"), timeout=WITHIN_SECONDS)
        for connection in connections:
            connection.socket.close()


def test_few_requests_that_never_come_are_waited_for_a_while(port: int, undisturbed: Neighbour) -> None:
    with RawConnection(port) as connection:
        begun = time.monotonic()
        connection.open(GET_USER)
        connection.until("the call to be given up", all_over(connection))
        assert time.monotonic() - begun >= PEER_WAIT_SECONDS


def test_a_request_that_comes_byte_by_byte(port: int, author: int) -> None:
    """It may take as long as that; each call has its time from its start, not from its last byte."""
    with RawConnection(port) as connection:
        stream = connection.open(GET_USER)
        for byte in message(get_user(author)):
            connection.write(stream, bytes([byte]), end=False)
        connection.write(stream, b"")
        assert connection.answer(stream).status == 0


def test_a_reader_who_never_reads(port: int, author: int, server: Server, process: Process) -> None:
    before = given_up(server, "answer")
    request = message(timeline_pb2.ListHomeTimelineRequest().SerializeToString())
    actor = ("murmuration-actor-id", str(author))

    def attack() -> None:
        with RawConnection(port, window=0) as connection:
            for _ in range(MAX_STREAMS - 10):
                connection.write(connection.open(HOME, actor), request)
            connection.until("the calls to be given up", all_over(connection))
            assert not any(answer.data for answer in connection.answers.values())

    process.stays_flat(attack)
    assert given_up(server, "answer") >= before + 2 * (MAX_STREAMS - 10)


def test_a_reader_who_reads_late_but_reads(port: int, author: int) -> None:
    with RawConnection(port, window=0) as connection:
        stream = connection.open(GET_USER)
        connection.write(stream, message(get_user(author)))
        connection.until("the answer's headers", lambda: connection.answers[stream].headers)
        connection.h2.increment_flow_control_window(1 << 16, stream)
        connection.flush()
        answer = connection.answer(stream)
        assert answer.status == 0
        assert answer.data


def test_a_caller_who_hangs_up_on_answers_under_way(port: int, author: int, process: Process) -> None:
    before = process.sockets()
    for _ in range(10):
        with RawConnection(port) as connection:
            for _ in range(MAX_STREAMS - 10):
                stream = connection.open(GET_USER)
                connection.h2.send_data(stream, message(get_user(author)), end_stream=True)
                connection.flush()
    until("the connections to be gone", lambda: process.sockets() <= before + 2)
