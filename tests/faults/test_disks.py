"""A disk that is full, and a folder that may not be written: writes are refused clearly, reads go on, and with room
again all goes on by itself, with nothing half written."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random

import pytest

from murmuration_client import Client, MurmurationError
from tests.faults import checks
from tests.faults.disks import SizeLimit, SmallDisk, SmallFileSystem, make_read_only, may_mount, small_file_system
from tests.process.refusals import refused
from tests.process.running import Server, settled, texts_at_home, until
from tests.support.model import Entry, Kind, Model

Start = Callable[..., Server]
POSTS_UNTIL_FULL = 2000
REFUSALS = 20
needs_mounts = pytest.mark.skipif(not may_mount(), reason="needs root, to mount a small file system")


@pytest.fixture(params=[pytest.param("full", marks=needs_mounts), "limited"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, SmallDisk]]:
    """Where to keep data, and what can fill it."""
    folder = tmp_path / "disk"
    full = request.param == "full"
    with small_file_system(folder) if full else nullcontext(folder):
        folder.mkdir(exist_ok=True)
        yield folder / "data", SmallFileSystem(folder) if full else SizeLimit()


def test_a_full_disk_refuses_writes_and_recovers(disk: tuple[Path, SmallDisk], start: Start) -> None:
    data, small = disk
    server = start(data)
    with server.client() as client:
        author, reader = (client.create_user(name).user_id for name in ("author", "reader"))
        client.acting_as(reader).follow(author)
        model = Model()
        model.follow(reader, author)
        until("nothing to wait", lambda: settled(server, client))
        small.fill(server)
        unanswered, refusals = _post_until_refused(client.acting_as(author).with_timeout(3.0), model)
        assert {error.code.name for error in refusals} <= {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}, refusals
        assert all("disk" in error.message and ".sqlite" in error.message for error in refusals), refusals
        # Reading goes on, and of what was refused there is nothing.
        assert not checks.posts(client, model, [author, reader])
        assert sorted(texts_at_home(client.acting_as(author))) == sorted(str(n) for n in range(len(model.entries)))
        with pytest.raises(MurmurationError):
            client.with_timeout(3.0).create_user("nobody")

        small.free(server)
        text, request_id = unanswered
        tweet = until("the write to be taken", lambda: _taken(client.acting_as(author), text, request_id))
        model.add(tweet)
        assert client.create_user("somebody").user_id
        found = checks.at_rest(lambda: settled(server, client), client, model, [author, reader], Random(1))
        assert not found, found
    # And again from what lies on the disk.
    server.stop()
    with Server(data) as again, again.client() as client:
        found = checks.at_rest(lambda: settled(again, client), client, model, [author, reader], Random(1))
        assert not found, found


def _post_until_refused(author: Client, model: Model) -> tuple[tuple[str, str], list[MurmurationError]]:
    """The post that was refused first, and the refusals of it; the model is told what was acked."""
    for number in range(POSTS_UNTIL_FULL):
        text, request_id = str(number), str(uuid.uuid4())
        refusals: list[MurmurationError] = []
        while len(refusals) < REFUSALS:
            try:
                tweet = author.create_tweet(text, request_id=request_id)
            except MurmurationError as error:
                refusals.append(error)
                continue
            model.add(Entry(tweet.tweet_id, tweet.author_id, tweet.create_time_ms))
            break
        if len(refusals) == REFUSALS:
            return (text, request_id), refusals
    raise AssertionError("the disk was never full")


def _taken(author: Client, text: str, request_id: str) -> Entry | None:
    try:
        tweet = author.create_tweet(text, request_id=request_id)
    except MurmurationError:
        return None
    return Entry(tweet.tweet_id, tweet.author_id, tweet.create_time_ms, Kind.POST)


@needs_mounts
def test_a_start_on_a_full_disk_is_refused_and_one_with_room_is_not(tmp_path: Path) -> None:
    with small_file_system(tmp_path / "disk") as folder:
        with Server(folder / "data") as running, running.client() as client:
            client.create_user("first")
        disk = SmallFileSystem(folder)
        disk.fill(running)
        refused(folder / "data").says(str(folder / "data"), "space")
        refused(folder / "other").says(str(folder / "other"), "space")
        disk.free(running)
        with Server(folder / "data") as running, running.client() as client:
            assert client.get_user("first").handle == "first"
            client.create_user("second")


@needs_mounts
@pytest.mark.parametrize("role", ["serving", "worker"])
def test_a_process_that_dies_on_a_full_disk_is_begun_anew(tmp_path: Path, role: str) -> None:
    """It finds what its predecessor has left and needs no more: reads go on, and writes when there is room."""
    with small_file_system(tmp_path / "disk") as folder, Server(folder / "data") as server, server.client() as client:
        author = client.acting_as(client.create_user("author").user_id)
        author.create_tweet("before")
        disk = SmallFileSystem(folder)
        disk.fill(server)
        server.kill(role)
        server.restarted(role)
        assert until("a read to be answered", lambda: _read(author)) == ["before"]
        disk.free(server)
        until("a write to be taken", lambda: _taken(author, "after", str(uuid.uuid4())))
        until("it to be delivered", lambda: texts_at_home(author)[0] == "after" and settled(server, client))


def _read(client: Client) -> list[str]:
    try:
        return texts_at_home(client)
    except MurmurationError:
        return []


@needs_mounts
def test_a_folder_on_a_disk_that_may_only_be_read(tmp_path: Path) -> None:
    with small_file_system(tmp_path / "disk") as folder:
        with Server(folder / "data") as running, running.client() as client:
            client.create_user("first")
        make_read_only(folder)
        refused(folder / "data").says("Cannot write in the data folder", str(folder / "data"), "Read-only")
