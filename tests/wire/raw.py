"""HTTP/2 as no gRPC library would send it: frames over a socket, one at a time, and what came back."""

from __future__ import annotations

import functools
import gzip
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings

WAIT_SECONDS = 20.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY, DATA, HEADERS, RST_STREAM, CONTINUATION = 0x4, 0x6, 0x7, 0x0, 0x1, 0x3, 0x9
END_STREAM, END_HEADERS = 0x1, 0x4

Pair = tuple[str | bytes, str | bytes]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """RFC 9113, section 4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def message(payload: bytes, *, compressed: bool = False) -> bytes:
    """A gRPC message as it stands in DATA frames: a flag, four bytes of length, the bytes."""
    return struct.pack(">BI", compressed, len(payload)) + payload


def bomb(unpacked_bytes: int) -> bytes:
    """gzip of zeros: a thousandth of what it unpacks to."""
    return message(gzip.compress(bytes(unpacked_bytes), 9), compressed=True)


@dataclass
class Answer:
    """What came on one stream: headers and trailers together, the bytes, and whether the peer reset it."""

    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int | None:
        """The gRPC status, if one came."""
        return int(self.headers["grpc-status"]) if "grpc-status" in self.headers else None


class RawConnection:
    """One connection with its preface sent. `receive` must be called for anything to be read."""

    def __init__(self, port: int, *, window: int | None = None) -> None:
        """`window`: bytes that the server may send on each stream; 0: a reader that never reads."""
        self.socket = connect(port)
        config = h2.config.H2Configuration(
            client_side=True,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            header_encoding="latin1",
        )
        self.h2 = h2.connection.H2Connection(config)
        # Without Huffman coding a header is as long on the wire as it is, and long ones are made at once.
        self.h2.encoder.encode = functools.partial(self.h2.encoder.encode, huffman=False)  # type: ignore[method-assign]
        self.answers: dict[int, Answer] = {}
        self.closed = False
        self.goaway: int | None = None
        self._agreed = 0
        self.h2.initiate_connection()
        if window is not None:
            self.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.flush()
        # Both sides' settings hold from here on.
        self.until("the settings to be acknowledged", lambda: self._agreed > (window is not None) or self.closed)

    def __enter__(self) -> RawConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.send(self.h2.data_to_send())

    def send(self, raw: bytes) -> None:
        """Bytes as they are. A peer that has hung up is noticed at the next `receive`."""
        try:
            self.socket.sendall(raw)
        except OSError:
            self.closed = True

    def open(self, path: str, *extra: Pair, content_type: str = "application/grpc", end: bool = False) -> int:
        """Sends the headers of a call. Answers the stream's number."""
        stream = self.h2.get_next_available_stream_id()
        headers: list[Pair] = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", content_type),
            ("te", "trailers"),
            *extra,
        ]
        self.h2.send_headers(stream, headers, end_stream=end)
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def write(self, stream: int, data: bytes, *, end: bool = True) -> None:
        """Sends as much as the peer's windows let it, waiting for them; stops where the stream is over."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            answer = self.answers[stream]
            if self.closed or answer.ended or answer.reset is not None:
                return
            room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
            if room > 0 or not data:
                piece, data = data[:room], data[room:]
                self.h2.send_data(stream, piece, end_stream=end and not data)
                self.flush()
                if not data:
                    return
            else:
                assert time.monotonic() < deadline, "the peer gives no window"
            self.receive(0 if room > 0 else 0.1)

    def call(self, path: str, data: bytes, *extra: Pair, content_type: str = "application/grpc") -> Answer:
        """One whole call. Answers what came back, also where that is a reset or the end of the connection."""
        stream = self.open(path, *extra, content_type=content_type)
        self.write(stream, data)
        return self.answer(stream)

    def answer(self, stream: int) -> Answer:
        answer = self.answers[stream]
        self.until("an answer", lambda: answer.ended or answer.reset is not None or self.closed)
        return answer

    def until(self, what: str, condition: Callable[[], object], seconds: float = WAIT_SECONDS) -> None:
        """Reads until the condition holds."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, f"after {seconds:g} s still waiting for {what}"
            self.receive(0.05)

    def until_closed(self, seconds: float = WAIT_SECONDS) -> None:
        self.until("the server to close the connection", lambda: self.closed, seconds)

    def receive(self, seconds: float) -> None:
        """Reads what comes within the time, once, and answers as HTTP/2 wants it."""
        if self.closed or not select.select([self.socket], [], [], seconds)[0]:
            return
        try:
            data = self.socket.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.closed = True
            return
        try:
            self._take(self.h2.receive_data(data))
        except h2.exceptions.ProtocolError:
            self.closed = True
        self.flush()

    def receive_all(self) -> None:
        """Reads all that has come, and whether the peer has hung up, without waiting."""
        while not self.closed and select.select([self.socket], [], [], 0)[0]:
            self.receive(0)

    def _take(self, events: Iterable[h2.events.Event]) -> None:
        for event in events:
            self._agreed += isinstance(event, h2.events.SettingsAcknowledged)
            stream = getattr(event, "stream_id", None)
            answer = self.answers.setdefault(stream, Answer()) if stream else Answer()
            if isinstance(event, h2.events.ResponseReceived | h2.events.TrailersReceived):
                answer.headers.update({str(key): str(value) for key, value in event.headers})
            elif isinstance(event, h2.events.DataReceived):
                answer.data += event.data
                if event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                answer.ended = True
            elif isinstance(event, h2.events.StreamReset):
                answer.reset = int(event.error_code)
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.goaway = int(event.error_code)
                self.closed = True


def connect(port: int) -> socket.socket:
    opened = socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECONDS)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def hung_up(opened: socket.socket, seconds: float = WAIT_SECONDS) -> bytes:
    """What a server sent before it closed. Fails where it does not close."""
    deadline, came = time.monotonic() + seconds, b""
    while True:
        assert select.select([opened], [], [], max(deadline - time.monotonic(), 0))[0], "the server does not hang up"
        try:
            data = opened.recv(1 << 16)
        except OSError:
            return came
        if not data:
            return came
        came += data
