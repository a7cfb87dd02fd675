"""The people of the demo: the graph's users under names of people."""

import random
from pathlib import Path

import pytest

from loadtest.demo.cast import CELEBRITY, READER, GraphMissing, find_graph, read_cast, with_synthetic


def test_the_graph_of_the_checkout_is_found() -> None:
    cast = read_cast(find_graph(None), random.Random(7), quick=False)
    assert (len(cast.followers), len(cast.authors), len(cast.follows)) == (28_459, 100, 100_600)
    assert all(len(handle) <= 15 for handle in cast.names)


def test_one_celebrity_whom_all_follow_and_one_reader_of_all_authors(tmp_path: Path) -> None:
    path = tmp_path / "graph.tsv"
    path.write_text("10\t1\n11\t1\n11\t2\n")
    cast = read_cast(path, random.Random(7), quick=False)
    users, follows = with_synthetic(cast)
    assert len(users) == len(dict(users)) == 7
    assert {follower for follower, followee in follows if followee == CELEBRITY[0]} == {*cast.followers, READER[0]}
    assert {followee for follower, followee in follows if follower == READER[0]} == {*cast.authors, CELEBRITY[0]}


def test_a_quick_run_has_the_first_followers_only() -> None:
    cast = read_cast(find_graph(None), random.Random(7), quick=True)
    assert len(cast.followers) == 2_000
    assert {follower for follower, _ in cast.follows} == set(cast.followers)


@pytest.mark.parametrize("text", ["", "1 2\n", "1\t1\n"])
def test_a_graph_that_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "graph.tsv"
    path.write_text(text)
    with pytest.raises(GraphMissing):
        read_cast(path, random.Random(7), quick=False)


def test_a_missing_graph_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphMissing, match="no file"):
        find_graph(tmp_path / "absent")
