"""What cannot be started is refused: one clear sentence on stderr, exit status 1, nothing left running."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from murmuration_client import Client
from tests.process.running import Server, command, environment, processes_of, until

GIVE_UP_SECONDS = 40
SERVED_FILES = ["users", "graph", "tweets", "timeline_state", "leases"]
WORKED_FILES = ["homes", "log"]


@dataclass
class Refusal:
    """What `murmurd up` said and did that could not start."""

    status: int
    said: str
    printed: str

    def says(self, *parts: str) -> None:
        assert self.status == 1, (self.status, self.said)
        assert self.said.startswith("murmurd: "), self.said
        assert len(self.said.splitlines()) == 1, self.said
        assert "Traceback" not in self.said
        assert "ready" not in self.printed
        for part in parts:
            assert part in self.said


Up = Callable[..., Refusal]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def up(data: Path) -> Up:
    def run(*options: str, settings: Mapping[str, object] | None = None, data: Path = data) -> Refusal:
        options = ("--json", *(() if "--port" in options else ("--port", "0")), *options)
        done = subprocess.run(
            command(data, *options),
            env=environment(settings or {}),
            capture_output=True,
            text=True,
            timeout=GIVE_UP_SECONDS,
            check=False,
        )
        assert processes_of(data) == []
        return Refusal(done.returncode, done.stderr.strip(), done.stdout)

    return run


def _config(tmp_path: Path, text: str) -> tuple[str, str]:
    path = tmp_path / "murmuration.toml"
    path.write_text(text)
    return "--config", str(path)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "murmuration.example"])
def test_an_address_that_others_can_reach(up: Up, data: Path, tmp_path: Path, host: str) -> None:
    up(*_config(tmp_path, f'[server]\nhost = "{host}"\n')).says(f"server.host is {host}", "127.0.0.1")
    assert not data.exists()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("[fanout]\npage_sise = 5\n", ["fanout.page_sise"], id="an unknown key in a section"),
        pytest.param("[fan_out]\npage_size = 5\n", ["fan_out"], id="an unknown section"),
        pytest.param("_env_prefix = 'X'\n", ["_env_prefix"], id="a key that the settings library would take"),
        pytest.param("[fanout]\npage_size = 'five'\n", ["fanout.page_size", "integer"], id="a word for a number"),
        pytest.param("[fanout]\npage_size = 0\n", ["fanout.page_size"], id="a number out of range"),
        pytest.param("[server]\nport = 65536\n", ["server.port"], id="a port that is none"),
        pytest.param("server = 5\n", ["server"], id="a number for a section"),
        pytest.param("log_level = 'loud'\n", ["log_level", "warning"], id="a word that is not one of the choices"),
        pytest.param("[fanout\n", ["murmuration.toml", "not TOML"], id="not TOML"),
        pytest.param("[fanout]\npage_size = 'a'\nbatch = 'b'\n", ["page_size", "batch"], id="two faults, both named"),
    ],
)
def test_a_configuration_with_a_fault(up: Up, data: Path, tmp_path: Path, text: str, parts: list[str]) -> None:
    up(*_config(tmp_path, text)).says(*parts)
    assert not data.exists()


def test_a_configuration_that_is_missing(up: Up, tmp_path: Path) -> None:
    up("--config", str(tmp_path / "none.toml")).says("Cannot read", "none.toml", "No such file")


def test_a_configuration_that_is_not_text(up: Up, tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    up("--config", str(path)).says("binary.toml", "not TOML")


def test_a_configuration_that_is_a_folder(up: Up, tmp_path: Path) -> None:
    up("--config", str(tmp_path)).says("Cannot read", str(tmp_path))


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        pytest.param({"fanout.page_sise": 5}, ["page_sise"], id="an unknown key"),
        pytest.param({"servre.port": 5}, ["SERVRE"], id="an unknown section"),
        pytest.param({"fanout.page_size": "five"}, ["fanout.page_size"], id="a word for a number"),
        pytest.param({"fanout": "no json"}, ["fanout"], id="a section that is not JSON"),
    ],
)
def test_a_variable_with_a_fault(up: Up, settings: dict[str, object], parts: list[str]) -> None:
    up(settings=settings).says(*parts)


@contextmanager
def _taken_port() -> Iterator[int]:
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_in_use(up: Up) -> None:
    with _taken_port() as port:
        up("--port", str(port)).says(f"127.0.0.1:{port}", "in use", "--port")


def test_a_metrics_port_in_use(up: Up) -> None:
    with _taken_port() as port:
        up("--metrics-port", str(port)).says(f"127.0.0.1:{port}", "in use", "--metrics-port")


def test_the_workers_metrics_port_in_use(up: Up) -> None:
    with _taken_port() as port:
        up("--metrics-port", str(port - 1)).says(f"127.0.0.1:{port}", "in use", "--metrics-port")


def test_a_metrics_port_without_a_next_one(up: Up) -> None:
    up("--metrics-port", "65535").says("metrics")


def test_a_data_folder_that_is_a_file(up: Up, data: Path) -> None:
    data.write_text("not a folder")
    up().says(str(data), "File exists")
    assert data.read_text() == "not a folder"


def test_a_data_folder_inside_a_file(up: Up, data: Path) -> None:
    data.write_text("not a folder")
    up(data=data / "inner").says(str(data / "inner"), "Not a directory")


def test_a_data_folder_that_cannot_be_made(up: Up) -> None:
    up(data=Path("/proc/murmuration")).says("/proc/murmuration", "No such file")


def test_a_data_folder_that_another_server_uses(up: Up, server: Server, client: Client) -> None:
    """Two writers on one file are slow, and two relays repeat everything: the second one is told so."""
    status = up(data=server.data)
    status.says(str(server.data), "in use")
    client.create_user("undisturbed")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a server that has run and stopped."""
    with Server(tmp_path_factory.mktemp("used") / "data") as running:
        folder = running.data
    return folder


@pytest.fixture
def copied(used: Path, data: Path) -> Path:
    data.mkdir()
    for file in used.iterdir():
        (data / file.name).write_bytes(file.read_bytes())
    return data


@pytest.mark.parametrize("name", [*SERVED_FILES, *WORKED_FILES])
def test_a_store_of_a_newer_version(up: Up, copied: Path, name: str) -> None:
    path = copied / f"{name}.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    up().says(str(path), "newer version", "99")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (99,)


@pytest.mark.parametrize("name", ["tweets", "homes"])
def test_a_store_that_is_not_a_database(up: Up, copied: Path, name: str) -> None:
    path = copied / f"{name}.sqlite"
    noise = b"this is no database, however long one reads\n" * 200
    path.write_bytes(noise)
    up().says(str(path), "not a readable database", "backup")
    assert path.read_bytes() == noise


def test_a_store_that_is_a_folder(up: Up, copied: Path) -> None:
    (copied / "graph.sqlite").unlink()
    (copied / "graph.sqlite").mkdir()
    up().says(str(copied / "graph.sqlite"))


def test_a_cursor_key_cut_short(up: Up, copied: Path) -> None:
    (copied / "cursor.key").write_bytes(b"short")
    up().says(str(copied / "cursor.key"), "32 bytes")


def test_after_a_refusal_the_same_folder_starts(up: Up, copied: Path) -> None:
    with _taken_port() as port:
        up("--port", str(port)).says("in use")
    with Server(copied) as running, running.client() as client:
        client.create_user("well_again")
        until("the account", lambda: client.get_user("well_again"))
