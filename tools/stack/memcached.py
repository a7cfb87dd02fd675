"""Memcached servers on loopback."""

from __future__ import annotations

import socket
from pathlib import Path

from tools.stack.process import ServerFailed, ServerProcess, accepts, free_port, need

PACKAGE = "memcached"
MEGABYTES = 64
CONNECTIONS = 1024
START_SECONDS = 10.0
START_TRIES = 3
FLUSH_SECONDS = 10.0


class Memcached(ServerProcess):
    """One node, empty at each start, on the port it was given."""

    def __init__(self, name: str, folder: Path, port: int, host: str = "127.0.0.1", megabytes: int = MEGABYTES) -> None:
        self.host, self.port = host, port
        # Only root's own start looks at it. With a change of user the kernel would forget that this process is to die
        # with its starter.
        user = "root"
        options = {"-l": host, "-p": port, "-U": 0, "-m": megabytes, "-c": CONNECTIONS, "-t": 1, "-u": user}
        command = [need("memcached", PACKAGE), *(str(part) for option in options.items() for part in option)]
        super().__init__(name, command, folder, lambda: accepts(host, port), START_SECONDS)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


def flush(address: str) -> None:
    """Empties the node at host:port. Raises `ServerFailed` where it does not say that it did, OSError where nobody
    answers."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=FLUSH_SECONDS) as connection:
        connection.sendall(b"flush_all\r\n")
        if not connection.recv(16).startswith(b"OK"):
            raise ServerFailed(f"The cache node {address} was not flushed.")


def start_memcached(count: int, folder: Path, host: str = "127.0.0.1") -> list[Memcached]:
    """So many nodes, running, on free ports. Raises `Missing`, `ServerFailed`."""
    started: list[Memcached] = []
    try:
        while len(started) < count:
            started.append(_start(f"memcached-{len(started)}", folder, host))
    except BaseException:
        for node in started:
            node.kill()
        raise
    return started


def _start(name: str, folder: Path, host: str) -> Memcached:
    for _ in range(START_TRIES - 1):
        try:
            node = Memcached(name, folder, free_port(host), host)
            node.start()
            return node
        except ServerFailed:
            # Somebody may have taken the port in between.
            continue
    node = Memcached(name, folder, free_port(host), host)
    node.start()
    return node
