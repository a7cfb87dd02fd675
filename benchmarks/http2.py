"""gRPC calls written straight as HTTP/2 frames (RFC 9113), so that making load costs little beside serving it.

A grpcio client costs about as much CPU a call as a bare grpcio server; on a machine of few cores it, and not the
server, would be what is measured. What the server sees is the same: one HEADERS frame and one DATA frame a call.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

from benchmarks.failures import BenchFailed

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK, END_STREAM, END_HEADERS = 1, 1, 4
WINDOW = 2**31 - 1
TOP_UP_BYTES = 1 << 28
CONNECT_SECONDS = 5.0
RECEIVE_BYTES = 1 << 18


class ConnectionBroken(BenchFailed):
    """The server closed the connection or reset a stream."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">HBBBI", len(payload) >> 8, len(payload) & 255, kind, flags, stream) + payload


def header_block(path: str, authority: str, metadata: Sequence[tuple[str, str]], timeout_seconds: int) -> bytes:
    """Headers of a call without the dynamic table, so that the block is good for any number of calls."""
    headers = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "murmuration-bench"),
        ("grpc-timeout", f"{timeout_seconds}S"),
        *metadata,
    ]
    return Encoder().encode([NeverIndexedHeaderTuple(*header) for header in headers], huffman=False)


def call_frames(block: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """Both frames of a call, ready but for the stream id: see `Connection.send`."""
    message = b"\0" + struct.pack(">I", len(payload)) + payload
    return frame(HEADERS, END_HEADERS, 0, block), frame(DATA, END_STREAM, 0, message)


class Connection:
    """One HTTP/2 connection that makes calls and learns of their ends. Not thread-safe."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), CONNECT_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._next_stream = 1
        self._buffer = b""
        self._unacknowledged = 0
        self._statuses: dict[bytes, str] = {}
        # No header table: a trailer block then means the same in every call. No pushes. Windows that never close.
        settings = b"".join(struct.pack(">HI", key, value) for key, value in ((1, 0), (2, 0), (4, WINDOW)))
        opened = frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW - 65_535))
        self.socket.sendall(PREFACE + opened)

    def send(self, calls: Sequence[tuple[bytes, bytes]]) -> list[int]:
        """Begins calls made by `call_frames`. Answers their streams."""
        parts: list[bytes] = []
        streams = []
        for headers, data in calls:
            number = struct.pack(">I", self._next_stream)
            parts += (headers[:5], number, headers[9:], data[:5], number, data[9:])
            streams.append(self._next_stream)
            self._next_stream += 2
        self.socket.sendall(b"".join(parts))
        return streams

    def receive(self) -> Iterator[tuple[int, str, int]]:
        """Waits for bytes. Yields (stream, grpc-status, 0) for each call that ended and (stream, "", bytes) for data.
        Raises ConnectionBroken."""
        received = self.socket.recv(RECEIVE_BYTES)
        if not received:
            raise ConnectionBroken("the server closed the connection")
        buffer, place = self._buffer + received, 0
        end = len(buffer)
        while end - place >= 9:
            high, low, kind, flags, stream = struct.unpack_from(">HBBBI", buffer, place)
            length = (high << 8) | low
            if end - place - 9 < length:
                break
            start = place + 9
            place = start + length
            if kind == DATA:
                self._count(length)
                yield stream, "", length
            elif kind == HEADERS:
                if flags & END_STREAM:
                    yield stream, self._status(buffer[start:place]), 0
            elif kind != WINDOW_UPDATE:
                self._control(kind, flags, buffer[start:place])
        self._buffer = buffer[place:]

    def close(self) -> None:
        self.socket.close()

    def _count(self, length: int) -> None:
        self._unacknowledged += length
        if self._unacknowledged > TOP_UP_BYTES:
            self.socket.sendall(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self._unacknowledged)))
            self._unacknowledged = 0

    def _status(self, block: bytes) -> str:
        status = self._statuses.get(block)
        if status is None:
            headers = {str(name): str(value) for name, value in Decoder().decode(block)}
            status = self._statuses[block] = headers["grpc-status"]
        return status

    def _control(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == PING and not flags & ACK:
            self.socket.sendall(frame(PING, ACK, 0, payload))
        elif kind == SETTINGS and not flags & ACK:
            self.socket.sendall(frame(SETTINGS, ACK, 0, b""))
        elif kind in (RST_STREAM, GOAWAY):
            raise ConnectionBroken(f"the server sent frame {kind}: {payload!r}")
