"""What cannot be started is refused: one clear sentence on stderr, exit status 1, nothing left running."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from murmuration_client import Client
from tests.process.refusals import Refusal, refused
from tests.process.running import Server

SERVED, WORKED = "tweets", "log"
"""A file that the serving process writes and one that the worker does."""


Up = Callable[..., Refusal]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def up(data: Path) -> Up:
    return lambda *options, settings=None, data=data: refused(data, *options, settings=settings)


def _config(tmp_path: Path, text: str) -> tuple[str, str]:
    path = tmp_path / "murmuration.toml"
    path.write_text(text)
    return "--config", str(path)


@pytest.mark.parametrize("host", ["0.0.0.0", "murmuration.example"])
def test_an_address_that_others_can_reach(up: Up, data: Path, tmp_path: Path, host: str) -> None:
    up(*_config(tmp_path, f'[server]\nhost = "{host}"\n')).says(f"server.host is {host}", "127.0.0.1")
    assert not data.exists()


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param("[fanout]\npage_sise = 5\n", "fanout.page_sise", id="an unknown key"),
    ],
)
def test_a_configuration_with_a_fault(up: Up, data: Path, tmp_path: Path, text: str, part: str) -> None:
    """More faults: tests/inputs/test_config.py."""
    up(*_config(tmp_path, text)).says(part)
    assert not data.exists()


def test_a_configuration_that_is_missing(up: Up, tmp_path: Path) -> None:
    up("--config", str(tmp_path / "none.toml")).says("Cannot read", "none.toml", "No such file")


@contextmanager
def _taken_port() -> Iterator[int]:
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_in_use_and_the_same_folder_starts_on_another(up: Up, data: Path) -> None:
    with _taken_port() as port:
        up("--port", str(port)).says(f"127.0.0.1:{port}", "in use", "--port")
    with Server(data) as running, running.client() as client:
        client.create_user("well_again")


def test_the_workers_metrics_port_in_use(up: Up) -> None:
    with _taken_port() as port:
        up("--metrics-port", str(port - 1)).says(f"127.0.0.1:{port}", "in use", "--metrics-port")


def test_a_metrics_port_without_a_next_one(up: Up) -> None:
    up("--metrics-port", "65535").says("metrics")


def test_a_data_folder_that_is_a_file(up: Up, data: Path) -> None:
    data.write_text("not a folder")
    up().says(str(data), "File exists")
    assert data.read_text() == "not a folder"


def test_a_data_folder_that_another_server_uses(up: Up, server: Server, client: Client) -> None:
    """Two writers on one file are slow, and two relays repeat everything: the second one is told so."""
    up(data=server.data).says(str(server.data), "in use")
    client.create_user("undisturbed")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that has run and stopped."""
    with Server(tmp_path_factory.mktemp("used") / "data") as running:
        pass
    return running.data


@pytest.fixture
def copied(used: Path, data: Path) -> Path:
    data.mkdir()
    for file in used.iterdir():
        (data / file.name).write_bytes(file.read_bytes())
    return data


@pytest.mark.parametrize("name", [SERVED, WORKED])
def test_a_store_of_a_newer_version(up: Up, copied: Path, name: str) -> None:
    path = copied / f"{name}.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    up().says(str(path), "newer version", "99")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


def test_a_store_that_is_not_a_database(up: Up, copied: Path) -> None:
    path = copied / f"{SERVED}.sqlite"
    noise = b"this is no database, however long one reads\n" * 200
    path.write_bytes(noise)
    for beside in ("wal", "shm"):
        path.with_name(f"{path.name}-{beside}").unlink(missing_ok=True)
    up().says(str(path), "not a readable database", "backup")
    assert path.read_bytes() == noise


def test_a_cursor_key_cut_short(up: Up, copied: Path) -> None:
    (copied / "cursor.key").write_bytes(b"short")
    up().says(str(copied / "cursor.key"), "32 bytes")
