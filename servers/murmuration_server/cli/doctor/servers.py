"""Checks of servers beyond this machine, where the settings name some."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from murmuration_server.cli.config.sources import DEFAULT, Setting
from murmuration_server.cli.doctor.finding import FAIL, OK, Finding
from murmuration_server.platform.config import Settings

CONNECT_SECONDS = 2.0
DISTRIBUTED = "Install what it needs: pip install 'murmuration[distributed]'."


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of server: the section of the settings, the library's module, and where its servers are."""

    section: str
    module: str
    addresses: tuple[str, ...]


def configured(settings: Settings, effective: list[Setting]) -> list[Kind]:
    """The kinds of servers of which the settings say something."""
    named = {setting.key.partition(".")[0] for setting in effective if setting.source != DEFAULT}
    cql = settings.cql
    kinds = [
        Kind("memcached", "pymemcache", tuple(node.removeprefix("dns:") for node in settings.memcached.nodes)),
        Kind("kafka", "confluent_kafka", tuple(settings.kafka.bootstrap_servers.split(","))),
        Kind("cql", "cassandra", tuple(f"{point}:{cql.port}" for point in cql.contact_points)),
    ]
    return [kind for kind in kinds if kind.section in named]


def reachable(kinds: list[Kind]) -> Iterator[Finding]:
    """Whether each server takes connections, and its library is there. Nothing is sent."""
    for kind in kinds:
        if importlib.util.find_spec(kind.module) is None:
            yield Finding(kind.section, FAIL, f"The module {kind.module} is not installed.", DISTRIBUTED)
        for address in kind.addresses:
            host, _, port = address.strip().rpartition(":")
            try:
                socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
            except (OSError, ValueError) as error:
                what = f"{address} does not take connections: {getattr(error, 'strerror', None) or error}."
                step = f"Start it, or mend its address: [{kind.section}] in the settings (`murmurd config show`)."
                yield Finding(kind.section, FAIL, what, step)
            else:
                yield Finding(kind.section, OK, f"{address} takes connections.")
