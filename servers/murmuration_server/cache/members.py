"""Which cache nodes the configuration names, by now: names of DNS stand for every address they have."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from murmuration_server.platform.errors import Unavailable

DNS = "dns:"

Resolve = Callable[[str, int], list[str]]
"""(host, port) to addresses as host:port. Raises `Unavailable`."""


def resolve(host: str, port: int) -> list[str]:
    """By the system's resolver, which bounds the time it takes by its own settings."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Unavailable(f"the name {host} ({error})") from error
    addresses = {str(address[4][0]) for address in found}
    return sorted(f"[{address}]:{port}" if ":" in address else f"{address}:{port}" for address in addresses)


def members(nodes: Sequence[str], resolver: Resolve = resolve) -> tuple[str, ...]:
    """In order, each once. Raises `Unavailable` where a name has no address: half of the nodes are not the nodes."""
    found: set[str] = set()
    for node in nodes:
        if not node.startswith(DNS):
            found.add(node)
            continue
        host, _, port = node.removeprefix(DNS).rpartition(":")
        addresses = resolver(host, int(port))
        if not addresses:
            raise Unavailable(f"the name {host} (it has no address)")
        found.update(addresses)
    return tuple(sorted(found))
