"""`murmur admin import`: graph files, good and bad."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import grpc
import pytest

from murmuration.admin.v1 import admin_pb2
from murmuration_client.cli.graphfile import GraphFileError, read_graph
from tests.unit.test_client_support import refusal
from tests.unit.test_murmur_support import Murmur, murmur

__all__ = ["murmur"]


def file(folder: Path, content: bytes, name: str = "graph.tsv") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_graph_is_read_whatever_its_name_says(tmp_path: Path, pack: type[bytes]) -> None:
    told: list[int] = []
    graph = read_graph(file(tmp_path, pack(b"17\t2\n2\t0\r\n17\t2\n007\t17")), progress=told.append)
    assert list(graph.users()) == [("u17", ""), ("u2", ""), ("u0", ""), ("u7", "")]
    assert list(graph.follows()) == [("u17", "u2"), ("u2", "u0"), ("u7", "u17")]
    assert (graph.lines, graph.duplicates, graph.user_count, graph.follow_count) == (4, 1, 4, 3)
    assert told == []


def test_both_ways_makes_two_follows_of_a_line(tmp_path: Path) -> None:
    graph = read_graph(file(tmp_path, b"1\t2\n2\t1\n3\t1\n"), prefix="r_", both_ways=True)
    assert list(graph.follows()) == [("r_1", "r_2"), ("r_2", "r_1"), ("r_3", "r_1"), ("r_1", "r_3")]
    assert graph.duplicates == 1  # a friendship said from both sides


def test_an_empty_file_is_an_empty_graph(tmp_path: Path) -> None:
    assert read_graph(file(tmp_path, b"")).lines == 0
    assert read_graph(file(tmp_path, gzip.compress(b""))).lines == 0


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"x\t1\n", "not two whole numbers"),
        (b"1 2\n", "not two whole numbers"),
        (b"1\t2\t3\n", "not two whole numbers"),
        (b"-1\t2\n", "not two whole numbers"),
        (b"1.0\t2\n", "not two whole numbers"),
        (b"\n", "not two whole numbers"),
        (b"# a comment\n", "not two whole numbers"),
        ("\u0663\t1\n".encode(), "not two whole numbers"),
        (b"\xff\t1\n", "not two whole numbers"),
        (b"1\t2\x00\n", "not two whole numbers"),
        (b"1" * 1_000_000, "not two whole numbers"),
        (b"5\t5\n", "would follow himself"),
        (b"05\t5\n", "would follow himself"),
        (b"1\t123456789012345\n", "too long for a handle"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, bad: bytes, said: str) -> None:
    with pytest.raises(GraphFileError, match=f"^Line 3.*{said}"):
        read_graph(file(tmp_path, b"1\t2\n1\t3\n" + bad + b"9\t8\n"))


@pytest.mark.parametrize("cut", [3, 20, -9, -1])
def test_a_damaged_archive_says_so(tmp_path: Path, cut: int) -> None:
    whole = gzip.compress(b"".join(b"%d\t0\n" % number for number in range(1, 1000)))
    with pytest.raises(GraphFileError, match="cannot be read"):
        read_graph(file(tmp_path, whole[:cut]))


def test_a_prefix_that_fits_no_handle(tmp_path: Path) -> None:
    with pytest.raises(GraphFileError, match="does not fit into a handle"):
        read_graph(file(tmp_path, b"1\t2\n"), prefix="é")


def test_import_sends_the_graph_and_tells_what_came_of_it(murmur: Murmur, tmp_path: Path) -> None:
    murmur.server.on("ImportGraph", admin_pb2.ImportGraphResponse(users_created=2, users_found=1, follows_created=2))
    path = str(file(tmp_path, gzip.compress(b"1\t2\n3\t2\n1\t2\n"), "graph.tsv.gz"))
    answer = json.loads(murmur.ok("admin", "import", path, "--prefix", "x", "--json"))
    assert (answer["usersCreated"], answer["followsFound"]) == ("2", "0")
    assert answer["file"] == {"lines": 3, "duplicateLines": 1}
    shown = murmur.ok("admin", "import", path)
    assert "3 lines read, 1 of them repetitions" in shown
    messages = murmur.server.requests("ImportGraph")[0]
    assert [user.handle for message in messages for user in message.users] == ["x1", "x2", "x3"]
    assert [(each.follower_handle, each.followee_handle) for message in messages for each in message.follows] == [
        ("x1", "x2"),
        ("x3", "x2"),
    ]


def test_an_import_has_its_own_timeout(murmur: Murmur, tmp_path: Path) -> None:
    murmur.server.on("ImportGraph", admin_pb2.ImportGraphResponse())
    path = str(file(tmp_path, b"1\t2\n"))
    murmur.ok("admin", "import", path)
    murmur.ok("admin", "import", path, "--timeout", "30")
    usual, given = (each.seconds_left for each in murmur.server.received["ImportGraph"])
    assert usual is not None
    assert given is not None
    assert usual > 500
    assert given < 31


def test_a_bad_file_is_wrong_usage_and_nothing_is_sent(murmur: Murmur, tmp_path: Path) -> None:
    said = murmur.fails(2, "admin", "import", str(file(tmp_path, b"1\t2\n\x1b[2J\n")))
    assert said.startswith("murmur: Line 2 is not two whole numbers")
    assert "\x1b" not in said
    murmur.fails(2, "admin", "import", str(tmp_path / "absent"))
    murmur.fails(2, "admin", "import", str(tmp_path))
    assert not murmur.server.received


def test_a_refused_import(murmur: Murmur, tmp_path: Path) -> None:
    murmur.server.on("ImportGraph", refusal(grpc.StatusCode.PERMISSION_DENIED, "ERROR_REASON_NOT_ALLOWED", "Not you."))
    assert "Not you." in murmur.fails(1, "admin", "import", str(file(tmp_path, b"1\t2\n")))
