"""Where the servers of a stack listen. It is kept in the stack's folder, so that another start is like the first."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.stack.cassandra import Node, choose_places
from tools.stack.process import ServerFailed, free_port, is_free

MEMCACHED_NODES = 3
HOST = "127.0.0.1"
FILE = "stack.json"
KEY_BYTES = 32
_OWNER_ONLY = 0o600


@dataclass(frozen=True)
class Places:
    """Ports, but for `cassandra`, whose nodes have addresses of their own. cursor_key: in hex; it signs page tokens."""

    cassandra: list[Node]
    kafka: int
    memcached: list[int]
    cursor_key: str


def places_of(folder: Path, cassandra_nodes: int, *, last_behind: bool = False) -> Places:
    """Those of the folder, or free ones for a new folder. last_behind: as `choose_places` has it, of a new folder.

    Raises `ServerFailed` where it has another number of nodes, or somebody listens there.
    """
    file = folder / FILE
    if not file.is_file():
        caches = [free_port() for _ in range(MEMCACHED_NODES)]
        places = Places(
            choose_places(cassandra_nodes, behind=last_behind), free_port(), caches, secrets.token_hex(KEY_BYTES)
        )
        write_private(file, json.dumps(asdict(places)))
        return places
    kept = json.loads(file.read_text())
    places = Places(**kept | {"cassandra": [Node(**node) for node in kept["cassandra"]]})
    if len(places.cassandra) != cassandra_nodes:
        raise ServerFailed(
            f"{folder} has the data of {len(places.cassandra)} Cassandra nodes, not of {cassandra_nodes}: "
            f"use --cassandra {len(places.cassandra)}, or another folder."
        )
    listening = [(node.host, port) for node in places.cassandra for port in (node.port, node.storage_port)]
    listening += [(HOST, port) for port in (places.kafka, *places.memcached)]
    taken = [f"{host}:{port}" for host, port in listening if not is_free(host, port)]
    if taken:
        raise ServerFailed(f"{', '.join(taken)} of {folder} is taken: does another stack run on this folder?")
    return places


def write_private(file: Path, text: str) -> None:
    """For its owner's eyes only: it has a key in it."""
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNER_ONLY), "w") as opened:  # noqa: PTH123
        opened.write(text)
