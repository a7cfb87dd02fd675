"""Files that a disk or a hand has damaged: a clear refusal that names the file, at the start or at the first call that
meets the damage; and what SQLite itself mends is mended."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from murmuration_client import Client, MurmurationError
from murmuration_client.errors import InvalidArgument
from tests.process.refusals import refused
from tests.process.running import Server, settled, texts_at_home, until

Start = Callable[..., Server]
STORES = ["users", "graph", "tweets", "timeline_state", "leases", "homes", "log"]
POSTS = 60
BUCKETS = {"outbox.bucket_ms": 1000, "outbox.resweep_ms": 1000, "outbox.margin_ms": 200}
PAGE_BYTES = 4096
HEADER_OF_WAL, HEADER_OF_FRAME = 32, 24
"""Bytes (sqlite.org/fileformat.html, the write-ahead log)."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that was used and stopped, so that all lies in the files and nothing beside them."""
    with Server(tmp_path_factory.mktemp("stopped") / "data") as server, server.client() as client:
        _use(server, client)
    return server.data


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a server that was killed at rest: the newest writes lie in the WALs."""
    with Server(tmp_path_factory.mktemp("killed") / "data", BUCKETS) as server, server.client() as client:
        _use(server, client)
        for role in server.pids:
            os.kill(server.pids[role], signal.SIGSTOP)  # Nobody tidies up when the supervisor dies.
        server.process.kill()
        for role in server.pids:
            server.kill(role)
    return server.data


def _use(server: Server, client: Client) -> None:
    author, reader = client.create_user("author").user_id, client.create_user("reader").user_id
    client.acting_as(reader).follow(author)
    for number in range(POSTS):
        client.acting_as(author).create_tweet(str(number))
    until("each post to be delivered", lambda: settled(server, client))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.mark.parametrize("store", STORES)
def test_a_file_cut_short(stopped: Path, data: Path, store: str) -> None:
    shutil.copytree(stopped, data)
    path = data / f"{store}.sqlite"
    cut = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(cut)
    refused(data).says(str(path), "not a readable database", "backup")
    assert path.read_bytes() == cut, "it is left as it was"


@pytest.mark.parametrize("store", STORES)
def test_a_file_with_noise_in_it(stopped: Path, data: Path, store: str, start: Start) -> None:
    """All pages but the first, which says what the file is. If the start does not meet it, a call or a step does."""
    shutil.copytree(stopped, data)
    path = data / f"{store}.sqlite"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:PAGE_BYTES] + b"\xa5" * (size - PAGE_BYTES))
    refusal = ""
    try:
        server = start(data)
    except AssertionError as error:
        refusal = str(error)
    if refusal:
        assert f"murmurd: {path}" in refusal or f"murmurd: {path.name}" in refusal, refusal
        assert "backup" in refusal
        assert "Traceback" not in refusal
        return
    with server.client() as client:
        said = until("somebody to meet the damage", lambda: _complaint(server, client.with_timeout(2.0), path.name))
    assert "backup" in said


def _complaint(server: Server, client: Client, name: str) -> str | None:
    """What calls or steps say of the file. A step's complaint stands in the log of the process."""
    try:
        author = client.get_user("author").user_id
        texts_at_home(client.acting_as(client.get_user("reader").user_id))
        client.acting_as(author).create_tweet("more")
        client.acting_as(author).follow(client.create_user("another").user_id)
    except MurmurationError as error:
        if f"{name} is damaged" in error.message:
            return error.message
    return next((line for line in server.stderr().splitlines() if f"{name} is damaged" in line), None)


@pytest.mark.parametrize("store", ["tweets", "homes", "log"])
def test_a_wal_cut_short(killed: Path, data: Path, store: str, start: Start) -> None:
    """SQLite drops the transactions whose frames are not whole. What remains is whole and served, and writes go on. The
    outbox may have lost rows that the relay has passed: what is written in their place a last sweep finds."""
    shutil.copytree(killed, data)
    wal = data / f"{store}.sqlite-wal"
    frames = (wal.stat().st_size - HEADER_OF_WAL) // (PAGE_BYTES + HEADER_OF_FRAME)
    assert frames > 4
    os.truncate(wal, HEADER_OF_WAL + (frames - 2) * (PAGE_BYTES + HEADER_OF_FRAME) + PAGE_BYTES // 2)
    server = start(data, **{key.replace(".", "__"): value for key, value in BUCKETS.items()})
    with server.client() as client:
        author, reader = (client.get_user(name).user_id for name in ("author", "reader"))
        stored = [tweet.text for tweet in client.iter_user_tweets(author)]
        assert stored == [str(number) for number in reversed(range(len(stored)))]
        assert len(stored) == POSTS if store != "tweets" else POSTS - 20 < len(stored) <= POSTS
        client.acting_as(author).create_tweet("after")
        follower = client.acting_as(reader)
        until("the home to have all that is stored", lambda: texts_at_home(follower) == ["after", *stored])


def test_a_cursor_key_that_is_damaged_or_lost(stopped: Path, data: Path, start: Start) -> None:
    shutil.copytree(stopped, data)
    server = start(data)
    with server.client() as client:
        reader = client.acting_as(client.get_user("reader").user_id)
        token = reader.home_page(5).next_page_token
        assert reader.home_page(5, token).items
    server.stop()
    key = data / "cursor.key"
    key.write_bytes(b"")
    refused(data).says(str(key), "delete it")
    key.unlink()
    again = start(data)
    with again.client() as client:
        reader = client.acting_as(client.get_user("reader").user_id)
        with pytest.raises(InvalidArgument) as caught:
            reader.home_page(5, token)
        assert caught.value.reason == "INVALID_PAGE_TOKEN"
        assert len(texts_at_home(reader)) == POSTS
    assert key.stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_being_written_is_written_anew(data: Path, start: Start) -> None:
    """As a process leaves it that was killed in between: beside the key, and not in its place."""
    data.mkdir()
    (data / "cursor.key.new").write_bytes(b"half")
    server = start(data)
    assert len((data / "cursor.key").read_bytes()) == 32
    assert json.dumps(server.ready)
    assert not (data / "cursor.key.new").exists()
