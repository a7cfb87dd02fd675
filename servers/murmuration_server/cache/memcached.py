"""One Memcached node: a bounded pool of pymemcache connections, a deadline for every call.

Every failure is `Unavailable`, whatever was the matter; what it leaves behind is unknown. After one, connections that
were made before are closed before they are used again: they lead to a server that has died.
"""

from __future__ import annotations

import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from math import ceil
from typing import Any, TypeVar

from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheError, MemcacheServerError, MemcacheUnexpectedCloseError, MemcacheUnknownError

from murmuration_server.cache.port import Cached, CacheKey, Replacement, Watched
from murmuration_server.platform.call import Call
from murmuration_server.platform.config import MemcachedSettings
from murmuration_server.platform.errors import Overloaded, Unavailable
from murmuration_server.platform.runtime import Runtime

T = TypeVar("T")

MAX_VALUE_BYTES = 1_000_000
"""A little less than Memcached's own limit of 1 MiB for an item with its key."""
MAX_KEY_BYTES = 250
MAX_TTL_SECONDS = 30 * 86_400
"""Memcached takes more for a date."""
STORED_AT_ONCE = 500
"""Their answers fit into what a socket holds, so neither side waits for the other to read."""
STORED_AT_ONCE_BYTES = 256 << 10
"""So that one write and its answers do not take a timeout; a single value may be larger."""
_TOKEN_SHIFT = 64
_STORING = b"store"
_STORED, _REFUSED = b"STORED", b"SERVER_ERROR"
_ANSWERS = (_STORED, b"NOT_STORED", b"EXISTS", b"NOT_FOUND")
_LAST = b"MN\r\n"
"""What `mn` is answered with: https://docs.memcached.org/protocols/meta/."""
META_COMMANDS = 1, 6, 18
"""From this version on their answers are what is expected here, to the byte: 1.6.10 and 1.6.18 changed them."""
_RECEIVE_BYTES = 16 << 10


class _Connection(Client):  # type: ignore[misc]
    """`instance` tells one run of a server from the next: its cas tokens begin anew with each."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.epoch = -1
        self.instance = 0
        self._limit = 0.0
        self._has_meta = False

    def limit(self, connect_seconds: float, seconds: float) -> None:
        """For each wait for the server from now on."""
        self.connect_timeout, self.timeout = connect_seconds, seconds
        if self.sock is not None and seconds != self._limit:
            self._limit_waits()

    def open(self) -> None:
        if self.sock is None:
            self._connect()

    def store_each(self, commands: Mapping[CacheKey, bytes]) -> dict[CacheKey, bytes]:
        """One write, then the answer to each."""
        answers = self._misc_cmd(list(commands.values()), _STORING, noreply=False)
        for answer in answers:
            if answer not in _ANSWERS and not answer.startswith(_REFUSED):
                raise MemcacheUnknownError(answer[:32])
        return dict(zip(commands, answers, strict=True))

    def answers(self, question: bytes, expected: bytes) -> bool:
        """Whether that is what the server says to meta commands, of which `mn` is the last. One that knows none is not
        asked."""
        if not self._has_meta:
            return False
        self.sock.sendall(question)
        came = b""
        while not came.endswith(_LAST):
            data = self.sock.recv(_RECEIVE_BYTES)
            if not data:
                raise MemcacheUnexpectedCloseError
            came += data
            if b"ERROR" in came:
                raise MemcacheUnknownError(came[:32])
        return came == expected

    def _raise_errors(self, line: bytes, name: bytes) -> None:
        # A value that is too large, or finds no room, is refused by itself: the others' answers follow.
        if not (name == _STORING and line.startswith(_REFUSED)):
            super()._raise_errors(line, name)

    def _connect(self) -> None:
        super()._connect()
        self._limit_waits()
        stats = self.stats()
        self._has_meta = _version(stats[b"version"]) >= META_COMMANDS
        self.instance = zlib.crc32(repr((stats[b"pid"], int(stats[b"time"]) - int(stats[b"uptime"]))).encode())

    def _limit_waits(self) -> None:
        """By the kernel: a timeout of Python's costs two more system calls a wait, each of which hands the interpreter
        to another thread."""
        seconds, fraction = divmod(self.timeout, 1)
        limit = struct.pack("@ll", int(seconds), max(1, int(fraction * 1e6)))
        self.sock.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.sock.setsockopt(socket.SOL_SOCKET, option, limit)
        self._limit = self.timeout


Storing = Callable[[_Connection, Mapping[CacheKey, bytes]], dict[CacheKey, bytes]]
"""Does what the keys' commands say; the answer to each that it sent."""


class _Pool(PooledClient):  # type: ignore[misc]
    client_class = _Connection


class MemcachedNode:
    """A `CacheStore` over one server. `address`: host:port; the host is looked up at each connect."""

    def __init__(self, address: str, runtime: Runtime, settings: MemcachedSettings) -> None:
        host, _, port = address.rpartition(":")
        self._address, self._settings = address, settings
        self._epoch = 0
        self._pool = _Pool(
            (host.strip("[]"), int(port)),
            no_delay=True,
            default_noreply=False,
            max_pool_size=settings.connections_per_node,
            lock_generator=runtime.lock,
        )

    def get_many(self, call: Call, keys: Sequence[CacheKey]) -> Mapping[CacheKey, Cached]:
        wanted = {_name(key): key for key in keys}

        def work(connection: _Connection) -> dict[CacheKey, Cached]:
            held = connection.gets_many(list(wanted))
            mark = connection.instance << _TOKEN_SHIFT
            return {wanted[name]: Cached(value, mark | int(token)) for name, (value, token) in held.items()}

        return self._run(call, work) if wanted else {}

    def add_many(self, call: Call, values: Mapping[CacheKey, bytes], ttl_seconds: float) -> Set[CacheKey]:
        seconds = _expire(ttl_seconds)
        fitting = ((key, value) for key, value in values.items() if len(value) <= MAX_VALUE_BYTES)
        return self._store(call, ((key, _command(b"add", key, value, seconds)) for key, value in fitting))

    def set(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> None:
        """A value that is too large leaves no entry."""
        name, seconds = _name(key), _expire(ttl_seconds)
        if len(value) > MAX_VALUE_BYTES:
            self.delete(call, key)
            return
        self._run(call, lambda connection: _or_nothing(connection, name, lambda: connection.set(name, value, seconds)))

    def cas_many(self, call: Call, replacements: Mapping[CacheKey, Replacement]) -> Set[CacheKey]:
        def of_this_run(connection: _Connection, part: Mapping[CacheKey, bytes]) -> dict[CacheKey, bytes]:
            connection.open()
            mark = connection.instance
            return connection.store_each(
                {key: part[key] for key in part if replacements[key].token >> _TOKEN_SHIFT == mark}
            )

        fitting = ((key, new) for key, new in replacements.items() if len(new.value) <= MAX_VALUE_BYTES)
        return self._store(call, ((key, _cas(key, new)) for key, new in fitting), of_this_run)

    def prepend_many(self, call: Call, values: Mapping[CacheKey, bytes]) -> None:
        """Those that make an entry too large, or find no room, end it."""

        def or_nothing(connection: _Connection, part: Mapping[CacheKey, bytes]) -> dict[CacheKey, bytes]:
            answers = connection.store_each(part)
            for key, answer in answers.items():
                if answer.startswith(_REFUSED):
                    connection.delete(_name(key))
            return answers

        self._store(call, ((key, _command(b"prepend", key, value, 0)) for key, value in values.items()), or_nothing)

    def delete(self, call: Call, key: CacheKey) -> None:
        name = _name(key)
        self._run(call, lambda connection: connection.delete(name))

    def flush(self, call: Call) -> None:
        self._run(call, lambda connection: connection.flush_all())

    def watch(self, tokens: Mapping[CacheKey, int]) -> Watched:
        return _Watched(self._run, tokens)

    def close(self) -> None:
        self._pool.close()

    def _store(
        self, call: Call, commands: Iterable[tuple[CacheKey, bytes]], work: Storing = _Connection.store_each
    ) -> Set[CacheKey]:
        """In as few writes as the bounds allow. Answers what was stored."""
        stored: set[CacheKey] = set()
        for part in _parts(commands):
            answers = self._run(call, lambda connection, part=part: work(connection, part))  # type: ignore[misc]
            stored.update(key for key, answer in answers.items() if answer == _STORED)
        return stored

    def _run(self, call: Call, work: Callable[[_Connection], T]) -> T:
        left = call.remaining()
        call.runtime.checkpoint("memcached")
        try:
            with self._connection() as connection:
                settings = self._settings
                connection.limit(min(left, settings.connect_timeout_ms / 1000), min(left, settings.timeout_ms / 1000))
                return work(connection)
        except (MemcacheError, OSError, ValueError, KeyError) as error:
            self._epoch += 1
            raise Unavailable(f"the cache node {self._address} ({type(error).__name__})") from error

    @contextmanager
    def _connection(self) -> Iterator[_Connection]:
        """One of the pool; closed there if it is older than the last failure, or if it fails now."""
        pool = self._pool.client_pool
        try:
            connection = pool.get()
        except RuntimeError:
            raise Overloaded(f"the pool of connections to the cache node {self._address}") from None
        try:
            if connection.epoch != self._epoch:
                connection.close()
                connection.epoch = self._epoch
            yield connection
        except BaseException:
            pool.destroy(connection)
            raise
        pool.release(connection)


class _Watched:
    """The question and the answer are the same each time, so neither is made or taken apart again."""

    def __init__(
        self, run: Callable[[Call, Callable[[_Connection], bool]], bool], tokens: Mapping[CacheKey, int]
    ) -> None:
        self._run = run
        # What two runs of a server held is never there at one time.
        self._instances = {token >> _TOKEN_SHIFT for token in tokens.values()}
        self._question = b"%bmn\r\n" % b"".join(b"mg %b c\r\n" % _name(key) for key in tokens)
        self._expected = b"%b%b" % (b"".join(b"HD c%d\r\n" % _number(token) for token in tokens.values()), _LAST)

    def unchanged(self, call: Call) -> bool:
        return self._run(call, self._asked)

    def _asked(self, connection: _Connection) -> bool:
        connection.open()
        return self._instances == {connection.instance} and connection.answers(self._question, self._expected)


def _or_nothing(connection: _Connection, name: bytes, write: Callable[[], object]) -> None:
    """Writes, and leaves no entry where the server refuses: the value has grown too large, or there is no room."""
    try:
        write()
    except MemcacheUnexpectedCloseError:
        raise
    except MemcacheServerError:
        connection.delete(name)


def _parts(commands: Iterable[tuple[CacheKey, bytes]]) -> Iterator[dict[CacheKey, bytes]]:
    """What is written at once."""
    part: dict[CacheKey, bytes] = {}
    size = 0
    for key, command in commands:
        if part and (len(part) == STORED_AT_ONCE or size + len(command) > STORED_AT_ONCE_BYTES):
            yield part
            part, size = {}, 0
        part[key] = command
        size += len(command)
    if part:
        yield part


def _command(verb: bytes, key: CacheKey, value: bytes, seconds: int, token: bytes = b"") -> bytes:
    return b"%b %b 0 %d %d%b\r\n%b\r\n" % (verb, _name(key), seconds, len(value), token, value)


def _cas(key: CacheKey, replacement: Replacement) -> bytes:
    return _command(
        b"cas", key, replacement.value, _expire(replacement.ttl_seconds), b" %d" % _number(replacement.token)
    )


def _version(said: bytes) -> tuple[int, ...]:
    """`1.6.45` or `1.5.22-beta`: its numbers; nothing where there are none."""
    found = re.match(rb"(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def _number(token: int) -> int:
    """As the server knows it."""
    return token & ((1 << _TOKEN_SHIFT) - 1)


def _name(key: CacheKey) -> bytes:
    """Raises ValueError where Memcached would not take it."""
    name = key.name
    if len(name) > MAX_KEY_BYTES or not (name.isascii() and name.isprintable()) or " " in name:
        raise ValueError(f"{name!r} is no key: up to {MAX_KEY_BYTES} printable ASCII characters, no spaces")
    return name.encode()


def _expire(ttl_seconds: float) -> int:
    """In whole seconds; -1 is past at once, where 0 would mean for ever."""
    return -1 if ttl_seconds <= 0 else min(ceil(ttl_seconds), MAX_TTL_SECONDS)
