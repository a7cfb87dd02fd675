"""A stack's folder is found again as it was, and not by two stacks at once."""

from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest

from tools.stack import process
from tools.stack.places import FILE, Places, places_of
from tools.stack.process import ServerFailed


def ports(places: Places) -> list[int]:
    return [port for node in places.cassandra for port in (node.port, node.storage_port)] + [
        places.kafka,
        *places.memcached,
    ]


def test_another_start_of_a_folder_is_like_the_first(tmp_path: Path) -> None:
    first = places_of(tmp_path, 3)
    assert [node.host for node in first.cassandra] == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert places_of(tmp_path, 3) == first


def test_each_folder_has_ports_and_a_key_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one, other = places_of(tmp_path / "one", 1), places_of(tmp_path / "other", 1)
    assert len(set(ports(one))) == len(ports(one))
    assert set(ports(one)) != set(ports(other))
    assert one.cursor_key != other.cursor_key


def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nobody listens yet on the one that was given before."""
    first = process.free_port()
    other = next(port for port in process.PORTS if port not in process._given and process.is_free("127.0.0.1", port))
    monkeypatch.setattr(process, "PORTS", [first, other])
    assert process.free_port() == other
    with pytest.raises(ServerFailed, match="no free port"):
        process.free_port()


def test_the_key_is_for_its_owner_only(tmp_path: Path) -> None:
    places_of(tmp_path, 1)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


def test_another_number_of_nodes_is_refused(tmp_path: Path) -> None:
    places_of(tmp_path, 1)
    with pytest.raises(ServerFailed, match="use --cassandra 1, or another folder"):
        places_of(tmp_path, 3)


def test_a_folder_whose_stack_runs_is_refused(tmp_path: Path) -> None:
    places = places_of(tmp_path, 1)
    with (
        socket.create_server(("127.0.0.1", places.kafka)),
        pytest.raises(ServerFailed, match=f"127.0.0.1:{places.kafka} .* is taken"),
    ):
        places_of(tmp_path, 1)
