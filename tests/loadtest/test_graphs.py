"""Graphs: read as they stand in the file, or made up by the law that was fitted to the real ones."""

import random
import subprocess
import sys
from pathlib import Path
from statistics import fmean

import pytest

from loadtest.degrees import (
    FAMOUS,
    FITTED,
    DegreeLaw,
    Weibull,
    distance,
    fit,
    fit_weibull,
    power_law,
    real_degrees,
    refused_above,
)
from loadtest.graphs import MAX_FOLLOWING, GraphUnusable, SocialGraph, read, synthetic

USERS = 3_000
MEAN = 20.0


@pytest.fixture(scope="module")
def made_up() -> SocialGraph:
    return synthetic(USERS, MEAN, seed=7)


@pytest.fixture(scope="module")
def refitted() -> DegreeLaw:
    return fit(*real_degrees())


def test_the_law_in_use_is_the_fit(refitted: DegreeLaw) -> None:
    for used, fitted in ((FITTED.body, refitted.body), (FITTED.tail, refitted.tail)):
        assert used.shape == pytest.approx(fitted.shape, rel=0.01)
        assert used.scale == pytest.approx(fitted.scale, rel=0.01)
    assert (FITTED.tail_from, FITTED.tail_share) == (refitted.tail_from, refitted.tail_share)


def test_both_parts_fit_and_a_power_law_does_not(refitted: DegreeLaw) -> None:
    friends, famous, _ = real_degrees()
    assert distance(friends, refitted.body.below) < refused_above(len(friends))
    excess = [degree - refitted.tail_from for degree in famous]
    assert distance(excess, refitted.tail.below) < refused_above(len(famous))
    _, below = power_law(famous)
    assert distance(famous, below) > refused_above(len(famous))


def test_a_fit_finds_the_law_that_its_values_come_from() -> None:
    rng, law = random.Random(7), Weibull(0.8, 50)
    found = fit_weibull([law.draw(rng) for _ in range(20_000)])
    assert (found.shape, found.scale) == (pytest.approx(0.8, rel=0.02), pytest.approx(50, rel=0.03))
    assert law.mean == pytest.approx(fmean(law.draw(rng) for _ in range(50_000)), rel=0.03)


def test_the_command_prints_the_fit() -> None:
    done = subprocess.run([sys.executable, "-m", "loadtest.degrees"], capture_output=True, text=True, check=True)
    assert "Weibull" in done.stdout
    assert "refused" in done.stdout


def test_a_made_up_graph_follows_the_law(made_up: SocialGraph) -> None:
    degrees = [len(made_up.followers(user)) for user in made_up.users]
    scale = MEAN / FITTED.mean

    def below(value: float) -> float:
        whole = (value + 0.5) / scale
        tail = FITTED.tail.below(whole - FITTED.tail_from)
        return (1 - FITTED.tail_share) * FITTED.body.below(whole) + FITTED.tail_share * tail

    steps = {value: sum(degree <= value for degree in degrees) / USERS for value in set(degrees)}
    assert max(abs(share - below(value)) for value, share in steps.items()) < refused_above(USERS)
    assert fmean(degrees) == pytest.approx(MEAN, rel=0.05)


def test_a_seed_repeats_a_graph(made_up: SocialGraph) -> None:
    assert list(synthetic(USERS, MEAN, seed=7).follows()) == list(made_up.follows())
    assert list(synthetic(USERS, MEAN, seed=8).follows()) != list(made_up.follows())


def test_it_is_a_graph_that_the_server_takes(made_up: SocialGraph) -> None:
    follows = list(made_up.follows())
    assert len(set(follows)) == len(follows) == made_up.follow_count
    assert all(follower != followee for follower, followee in follows)
    assert max(len(made_up.following(user)) for user in made_up.users) <= MAX_FOLLOWING
    assert len(set(made_up.handles)) == USERS
    assert all(len(handle) <= 15 for handle in made_up.handles)


def test_both_directions_say_the_same(made_up: SocialGraph) -> None:
    backward = {(follower, user) for user in made_up.users for follower in made_up.followers(user)}
    assert backward == set(made_up.follows())


def test_the_most_followed_come_first(made_up: SocialGraph) -> None:
    degrees = [len(made_up.followers(user)) for user in made_up.users]
    assert degrees == sorted(degrees, reverse=True)
    assert len(made_up.followed_users) == sum(degree > 0 for degree in degrees)


def test_the_largest_of_a_tiny_graph_has_everybody() -> None:
    graph = synthetic(5, 1_000.0, seed=7)
    assert graph.follow_count == 20


@pytest.mark.parametrize(("users", "mean"), [(1, 5.0), (10, 0.0)])
def test_an_impossible_graph_is_refused(users: int, mean: float) -> None:
    with pytest.raises(ValueError, match="at least 2 users"):
        synthetic(users, mean, seed=7)


def test_a_real_graph_is_read() -> None:
    graph = read(FAMOUS)
    assert (len(graph.users), graph.follow_count, len(graph.followed_users)) == (28_559, 100_600, 100)
    assert len(graph.followers(0)) == 3_383


def test_a_file_s_numbers_are_in_the_handles(tmp_path: Path) -> None:
    path = tmp_path / "graph.tsv"
    path.write_text("10\t1\n11\t1\n11\t2\n")
    graph = read(path, prefix="x")
    assert graph.handles[:2] == ["x1", "x2"]
    assert set(graph.named_follows()) == {("x10", "x1"), ("x11", "x1"), ("x11", "x2")}
    assert dict(graph.named_users()).keys() == {"x1", "x2", "x10", "x11"}


@pytest.mark.parametrize("text", ["", "1 2\n", "1\t1\n"])
def test_a_file_that_is_no_graph_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "graph.tsv"
    path.write_text(text)
    with pytest.raises(GraphUnusable):
        read(path)
