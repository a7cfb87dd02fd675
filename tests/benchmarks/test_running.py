"""`python -m benchmarks` as a user runs it, small: one measurement from its processes to its row."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import __main__, results
from benchmarks.bench import Bench
from benchmarks.failures import BenchFailed, TookTooLong
from benchmarks.intervals import Estimate
from benchmarks.machine import ROOT
from benchmarks.people import HOME, POST, People, post_requests
from benchmarks.registry import EMBEDDED
from benchmarks.results import Row
from benchmarks.system import await_delivered
from loadtest.graphs import synthetic
from murmuration.v1 import tweet_pb2
from murmuration_client import Client


def run(*arguments: str, seconds: float = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=seconds
    )


def test_one_row_from_end_to_end(tmp_path: Path) -> None:
    before = results.LATEST.read_bytes()
    out = tmp_path / "rows.json"
    done = run("--quick", "--only", "page-40", "--json", "--out", str(out))
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert json.loads(out.read_text("utf-8")) == [row]
    assert (row["name"], row["rounds"]) == ("page-40", 2)
    assert row["value"] > 0
    assert row["detail"]["page_40_p50_ms"] > 0
    assert "round 2 of 2" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("1 rows in ")
    assert results.LATEST.read_bytes() == before


def test_quick_runs_write_nothing_unless_told() -> None:
    before = results.LATEST.read_bytes()
    done = run("--quick", "--quiet", "--rounds", "1", "--only", "cached-entry", "--help")
    assert done.returncode == 0
    assert "--profile" in done.stdout
    assert results.LATEST.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "there"),
    [
        (("--only", "nothing"), "home-reads"),
        (("--stack", "--only", "home-reads"), "stack-home-reads"),
        (("--profile", "stack-home-reads"), "page-40"),
    ],
)
def test_a_row_that_a_suite_lacks_is_refused_with_those_it_has(arguments: tuple[str, ...], there: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "there is no row" in done.stderr
    assert there in done.stderr


class _Fails:
    NAMES = ("page-40",)

    def measure(self, bench: Bench) -> list[Row]:
        raise BenchFailed("nobody is there")


class _Measures:
    NAMES = ("start",)

    def measure(self, bench: Bench) -> list[Row]:
        return [Row("start", Estimate(1.0, 1.0, 1.0, 0.95), 1)]


def test_a_row_that_fails_is_named_and_keeps_no_other_from_being_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "EMBEDDED", replace(EMBEDDED, measurements=(_Fails(), _Measures())))
    out = tmp_path / "rows.json"
    assert __main__.main(["--quiet", "--out", str(out)]) == 1
    assert [row["name"] for row in results.read(out)] == ["start"]
    assert "page-40: nobody is there" in capsys.readouterr().err


def test_a_system_that_does_not_deliver_is_not_waited_for_for_ever() -> None:
    with Bench(1, quick=True, quiet=True) as bench, bench.murmurd({"FANOUT__CONSUMER_WAIT_MS": "1"}) as system:
        alice = system.client.create_user("alice")
        system.await_delivered(30.0)
        system.system.kill_worker()
        system.client.acting_as(alice.user_id).create_tweet("Anybody there?")
        with pytest.raises(TookTooLong, match=r"events still wait: \d for the log, .* for delivery"):
            system.await_delivered(0.0)


def test_it_is_said_where_nobody_knows_what_waits() -> None:
    with Client("127.0.0.1:1", timeout=0.1) as nobody, pytest.raises(TookTooLong, match="it is not known"):
        await_delivered(nobody, 0.0, 0.0)


def test_measurements_draw_from_sources_of_their_own_and_each_post_is_another() -> None:
    with Bench(1, quiet=True) as bench:
        assert bench.rng("here").random() == bench.rng("here").random() != bench.rng("there").random()
        posts = post_requests(bench.rng("here"), [1] * 20)
    assert len({tweet_pb2.CreateTweetRequest.FromString(each.payload).request_id for each in posts}) == 20


def test_the_mix_is_the_models() -> None:
    people = People(synthetic(100, 10, seed=1), range(1000, 1100))
    requests = people.mixed(4000)
    posts = [request for request in requests if request.path == POST]
    assert 15 < len(posts) < 70  # one in a hundred
    assert {request.path for request in requests} == {POST, HOME}
    assert {request.actor for request in requests} <= set(range(1000, 1100))
