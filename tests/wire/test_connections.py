"""Connections that say nothing, too much, or something else than HTTP/2."""

from __future__ import annotations

import os
import random
import select
import socket

import pytest

from tests.process.running import until
from tests.wire.conftest import MAX_CONNECTIONS, MAX_IDLE_SECONDS, PEER_WAIT_SECONDS
from tests.wire.process import Process
from tests.wire.raw import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    SETTINGS,
    RawConnection,
    connect,
    frame,
    hung_up,
    message,
)
from tests.wire.test_messages import GET_USER, get_user

SEED = 7


def test_idle_connections_by_the_thousand(port: int, process: Process) -> None:
    """That many at most are kept, and these only for a while."""
    before = process.sockets()
    opened = [connect(port) for _ in range(2_000)]
    assert process.sockets() <= before + MAX_CONNECTIONS
    until("those that say nothing to be closed", lambda: process.sockets() <= before + 5)
    for one in opened:
        one.close()


def test_idle_connections_that_speak_http_2(port: int, process: Process) -> None:
    before = process.sockets()
    opened = [RawConnection(port) for _ in range(MAX_CONNECTIONS + 50)]
    assert process.sockets() <= before + MAX_CONNECTIONS
    # On a slow machine the first ones' time may be over while the last are opened, so all are counted at one moment.
    for one in opened:
        one.receive_all()
    assert sum(not one.closed for one in opened) <= MAX_CONNECTIONS
    for one in opened:
        one.until_closed(MAX_IDLE_SECONDS + 20)
        one.socket.close()


def test_a_ping_flood(port: int, process: Process) -> None:
    def flood() -> None:
        with RawConnection(port) as connection:
            for _ in range(100):
                connection.send(frame(PING, 0, 0, b"12345678") * 1_000)
            connection.until_closed()

    process.stays_flat(flood)


def test_a_flood_of_settings(port: int, process: Process) -> None:
    """Each wants an answer, and none is read. Either the server ends it or TCP holds the sender back."""

    def flood() -> None:
        with connect(port) as opened:
            opened.settimeout(1)
            opened.sendall(PREFACE + frame(SETTINGS, 0, 0))
            try:
                for _ in range(1_000):
                    opened.sendall(frame(SETTINGS, 0, 0) * 1_000)
            except OSError:
                pass

    process.stays_flat(flood)


@pytest.mark.parametrize("sent", [b"", b"P", PREFACE[:-1], PREFACE, PREFACE + frame(SETTINGS, 0, 0)[:5]])
def test_a_preface_that_does_not_end(port: int, sent: bytes) -> None:
    with connect(port) as opened:
        opened.sendall(sent)
        hung_up(opened)


def test_a_preface_that_comes_byte_by_byte(port: int) -> None:
    """The time runs from the connection on, not from the last byte."""
    with connect(port) as opened:
        for byte in PREFACE:
            try:
                opened.sendall(bytes([byte]))
            except OSError:
                break
            if select.select([opened], [], [], PEER_WAIT_SECONDS / 2)[0] and _closed(opened):
                break
        else:
            pytest.fail("the server has heard it to its end")


def _closed(opened: socket.socket) -> bool:
    try:
        return not opened.recv(1 << 16)
    except OSError:
        return True


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", id="HTTP/1.1"),
        pytest.param(b"\x16\x03\x01\x00\x2e\x01\x00\x00\x2a\x03\x03" + bytes(40), id="TLS"),
        pytest.param(random.Random(SEED).randbytes(100_000), id="noise"),
        pytest.param(PREFACE + b"\xff\xff\xff" + bytes(6), id="a frame of 16 MiB"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 0, b"abc"), id="settings of 3 bytes"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 0) + frame(PING, 0, 0, b"abc"), id="a ping of 3 bytes"),
        pytest.param(PREFACE + frame(SETTINGS, 0, 0) + frame(CONTINUATION, 4, 1), id="headers go on that never began"),
        pytest.param(
            PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff" * 40),
            id="headers that cannot be unpacked",
        ),
    ],
)
def test_what_is_not_http_2(port: int, sent: bytes) -> None:
    with connect(port) as opened:
        try:
            opened.sendall(sent)
        except OSError:
            pass  # It has hung up already.
        hung_up(opened)


def test_frames_that_make_no_sense(port: int, author: int) -> None:
    """Passed over or the end of the connection; never of more than that."""
    rolled = random.Random(SEED)
    for _ in range(50):
        with RawConnection(port) as connection:
            for _ in range(20):
                kind, flags, stream = rolled.randrange(256), rolled.randrange(256), rolled.randrange(1 << 31)
                connection.send(frame(kind, flags, stream, rolled.randbytes(rolled.randrange(64))))
            connection.receive(0.005)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(frame(DATA, 0, 7, b"x"), id="data of a stream that is not open"),
        pytest.param(frame(0x77, 0xFF, 9, b"abc"), id="an unknown kind of frame"),
        pytest.param(frame(SETTINGS, 0, 0, b"\x77\x77\x00\x00\x00\x01"), id="an unknown setting"),
    ],
)
def test_what_http_2_lets_pass(port: int, author: int, sent: bytes) -> None:
    with RawConnection(port) as connection:
        connection.send(sent)
        assert connection.call(GET_USER, message(get_user(author))).status == 0


def test_goaway_from_the_client(port: int, author: int) -> None:
    """It opens no more streams of ours, since we open none; its own calls are answered."""
    with RawConnection(port) as connection:
        connection.send(frame(GOAWAY, 0, 0, bytes(8)))
        assert connection.call(GET_USER, message(get_user(author))).status == 0


def test_connections_cut_in_the_middle_of_a_frame(port: int, author: int, process: Process) -> None:
    before = process.sockets()
    for length in range(0, 60, 3):
        with RawConnection(port) as connection:
            stream = connection.open(GET_USER)
            connection.send(frame(DATA, 0, stream, message(get_user(author)) + os.urandom(60))[: 9 + length])
    until("the connections to be gone", lambda: process.sockets() <= before + 2)
