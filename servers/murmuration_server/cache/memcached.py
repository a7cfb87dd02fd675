"""One Memcached node: a bounded pool of pymemcache connections, a deadline for every call.

Every failure is `Unavailable`, whatever was the matter; what it leaves behind is unknown. After one, connections that
were made before are closed before they are used again: they lead to a server that has died.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, TypeVar

from pymemcache.client.base import Client, PooledClient
from pymemcache.exceptions import MemcacheError, MemcacheServerError, MemcacheUnexpectedCloseError

from murmuration_server.cache.port import Cached, CacheKey
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
PREPENDED_AT_ONCE = 500
"""Their answers fit into what a socket holds, so neither side waits for the other to read."""
_TOKEN_SHIFT = 64


class _Connection(Client):  # type: ignore[misc]
    """`instance` tells one run of a server from the next: its cas tokens begin anew with each."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.epoch = -1
        self.instance = 0

    def limit(self, connect_seconds: float, seconds: float) -> None:
        """For each wait for the server from now on."""
        self.connect_timeout, self.timeout = connect_seconds, seconds
        if self.sock is not None:
            self.sock.settimeout(seconds)

    def open(self) -> None:
        if self.sock is None:
            self._connect()

    def prepend_each(self, values: Mapping[bytes, bytes]) -> None:
        try:
            self._store_cmd(b"prepend", values, 0, noreply=False)
        except MemcacheUnexpectedCloseError:
            raise
        except MemcacheServerError:
            # Which it was is not known any more; twice in front does no harm.
            for name, value in values.items():
                _or_nothing(self, name, lambda name=name, value=value: self.prepend(name, value))  # type: ignore[misc]

    def _connect(self) -> None:
        super()._connect()
        stats = self.stats()
        self.instance = zlib.crc32(repr((stats[b"pid"], int(stats[b"time"]) - int(stats[b"uptime"]))).encode())


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

    def add(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> bool:
        name, seconds = _name(key), _expire(ttl_seconds)
        if len(value) > MAX_VALUE_BYTES:
            return False
        return self._run(call, lambda connection: connection.add(name, value, seconds) is True)

    def set(self, call: Call, key: CacheKey, value: bytes, ttl_seconds: float) -> None:
        """A value that is too large leaves no entry."""
        name, seconds = _name(key), _expire(ttl_seconds)
        if len(value) > MAX_VALUE_BYTES:
            self.delete(call, key)
            return
        self._run(call, lambda connection: _or_nothing(connection, name, lambda: connection.set(name, value, seconds)))

    def cas(self, call: Call, key: CacheKey, value: bytes, token: int, ttl_seconds: float) -> bool:
        name, seconds = _name(key), _expire(ttl_seconds)
        number = b"%d" % (token & ((1 << _TOKEN_SHIFT) - 1))
        if len(value) > MAX_VALUE_BYTES:
            return False

        def work(connection: _Connection) -> bool:
            connection.open()
            if connection.instance != token >> _TOKEN_SHIFT:
                return False
            return connection.cas(name, value, number, seconds) is True

        return self._run(call, work)

    def prepend_many(self, call: Call, values: Mapping[CacheKey, bytes]) -> None:
        """Many in one round trip; those that make an entry too large, or find no room, end it."""
        named = [(_name(key), value) for key, value in values.items()]
        for start in range(0, len(named), PREPENDED_AT_ONCE):
            part = dict(named[start : start + PREPENDED_AT_ONCE])
            self._run(call, lambda connection, part=part: connection.prepend_each(part))  # type: ignore[misc]

    def delete(self, call: Call, key: CacheKey) -> None:
        name = _name(key)
        self._run(call, lambda connection: connection.delete(name))

    def flush(self, call: Call) -> None:
        self._run(call, lambda connection: connection.flush_all())

    def close(self) -> None:
        self._pool.close()

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


def _or_nothing(connection: _Connection, name: bytes, write: Callable[[], object]) -> None:
    """Writes, and leaves no entry where the server refuses: the value has grown too large, or there is no room."""
    try:
        write()
    except MemcacheUnexpectedCloseError:
        raise
    except MemcacheServerError:
        connection.delete(name)


def _name(key: CacheKey) -> bytes:
    """Raises ValueError where Memcached would not take it."""
    name = key.name
    if len(name) > MAX_KEY_BYTES or not (name.isascii() and name.isprintable()) or " " in name:
        raise ValueError(f"{name!r} is no key: up to {MAX_KEY_BYTES} printable ASCII characters, no spaces")
    return name.encode()


def _expire(ttl_seconds: float) -> int:
    """In whole seconds; -1 is past at once, where 0 would mean for ever."""
    return -1 if ttl_seconds <= 0 else min(ceil(ttl_seconds), MAX_TTL_SECONDS)
