"""`LocateUser` and `PreviewRing` on `murmurd up`, where all lies in files and there is no ring."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client import Client, FailedPrecondition, InvalidArgument, NotFound
from tests.process.running import Server


def cached(client: Client, user_id: int) -> set[str]:
    entries = client.admin.locate_user(user_id).cache_entries
    return {field.name for field in entries.DESCRIPTOR.fields if getattr(entries, field.name)}


def test_a_user_lives_in_files(server: Server, client: Client) -> None:
    user = client.create_user("Lives_in_files")
    found = client.admin.locate_user("lives_in_FILES")
    assert (found.user_id, found.handle) == (user.user_id, "Lives_in_files")
    assert client.admin.locate_user(user.user_id).handle == found.handle
    assert found.scheme == admin_pb2.PLACEMENT_SCHEME_FILES
    assert {"users.sqlite", "homes.sqlite", "graph.sqlite", "tweets.sqlite"} < set(found.files)
    assert all((server.data / name).is_file() for name in found.files)
    assert not found.partitions
    assert not found.HasField("cache_node")


def test_delivery_and_home(client: Client) -> None:
    author, *fans = (client.create_user(f"located{number}").user_id for number in range(4))
    for fan in fans:
        client.acting_as(fan).follow(author)
    client.admin.set_author_mode(author, tweet_pb2.DELIVERY_MODE_PULL)
    found = client.admin.locate_user(author)
    assert found.delivery == admin_pb2.UserDelivery(
        mode=tweet_pb2.DELIVERY_MODE_PULL, followers=len(fans), follower_shards=1
    )
    assert not found.home_state.incomplete
    assert found.home_state.active_at_ms == client.get_user(author).create_time_ms
    client.admin.rebuild_timeline(author)
    assert client.admin.locate_user(author).home_state.rebuild_requested_at_ms > 0


def test_it_tells_what_is_cached_and_loads_none_of_it(client: Client) -> None:
    user_id = client.create_user("cached_what").user_id
    assert cached(client, user_id) == set()
    assert cached(client, user_id) == set()
    client.acting_as(user_id).home_page()
    assert cached(client, user_id) == {"home_state", "relations", "recent"}


@pytest.mark.parametrize("nobody", [2**40, "nobody_at_all", "no handle"])
def test_nobody_lives_nowhere(client: Client, nobody: int | str) -> None:
    with pytest.raises(NotFound) as caught:
        client.admin.locate_user(nobody)
    assert caught.value.reason == "USER_NOT_FOUND"


def test_who_is_not_said(client: Client) -> None:
    with pytest.raises(InvalidArgument):
        client.admin.locate_user(0)


def test_there_is_no_ring(server: Server, client: Client) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        client.admin.preview_ring(["10.0.0.4:11211"])
    assert caught.value.reason == "NO_CACHE_RING"
    with pytest.raises(InvalidArgument):
        client.admin.preview_ring(["10.0.0.4:11211"], user_ids=[*range(1, 502)])
    done = murmur(server, "admin", "ring", "--add", "10.0.0.4:11211", "--dry-run")
    assert done.returncode == 1
    assert "no ring" in done.stderr


def test_the_command(server: Server, client: Client) -> None:
    user_id = client.create_user("by_command").user_id
    shown = murmur(server, "admin", "locate", "by_command").stdout
    assert f"@by_command, id {user_id}." in shown
    assert "users.sqlite" in shown
    assert "no ring" in shown
    answer = json.loads(murmur(server, "admin", "locate", f"id:{user_id}", "--json").stdout)
    assert answer["scheme"] == "PLACEMENT_SCHEME_FILES"
    assert answer["delivery"]["followerShards"] == 1


def murmur(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "murmuration_client.cli", "--target", server.target, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
