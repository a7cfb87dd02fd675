"""The workload: the same for the same seed, with the proportions that its mixes state."""

import random
import time
from collections import Counter
from itertools import islice
from statistics import fmean

import pytest

from loadtest.graphs import SocialGraph, synthetic
from loadtest.workload import CELEBRITIES, MIXES, WRITES, ZIPF, Action, Mix, Session, Stream, Workload, Zipf
from murmuration_server.tweets.text import parse

USERS = 500
STEPS = 20_000


@pytest.fixture(scope="module")
def graph() -> SocialGraph:
    return synthetic(USERS, 20, seed=7)


def sessions(stream: Stream, count: int) -> list[Session]:
    return list(islice(stream.sessions(), count))


def actions(stream: Stream, steps: int = STEPS) -> Counter[Action]:
    return Counter(stream.action() for _ in range(steps))


@pytest.mark.parametrize("name", MIXES)
def test_a_seed_and_a_number_repeat_a_stream(graph: SocialGraph, name: str) -> None:
    one, again = (Workload(graph, MIXES[name], 7) for _ in range(2))
    assert sessions(one.stream(3), 50) == sessions(again.stream(3), 50)
    assert sessions(one.stream(3), 50) != sessions(one.stream(4), 50)
    assert sessions(one.stream(3), 50) != sessions(Workload(graph, MIXES[name], 8).stream(3), 50)


def test_no_clock_and_no_other_randomness_is_asked(graph: SocialGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    want = sessions(Workload(graph, MIXES["everyday"], 7).stream(0), 20)
    random.seed(time.time())
    for clock in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, clock, None)
    assert sessions(Workload(graph, MIXES["everyday"], 7).stream(0), 20) == want


def test_everyday_is_99_reads_to_a_write(graph: SocialGraph) -> None:
    mix = MIXES["everyday"]
    assert sum(mix.weights.values()) == pytest.approx(100)
    assert sum(weight for action, weight in mix.weights.items() if action in WRITES) == pytest.approx(1)
    drawn = actions(Workload(graph, mix, 7).stream(0))
    assert sum(drawn[action] for action in WRITES) == pytest.approx(STEPS / 100, rel=0.25)


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES.keys())
def test_actions_come_as_often_as_the_mix_says(graph: SocialGraph, mix: Mix) -> None:
    drawn, whole = actions(Workload(graph, mix, 7).stream(0)), sum(mix.weights.values())
    for action in Action:
        expected = mix.weights.get(action, 0) / whole * STEPS
        assert abs(drawn[action] - expected) <= 5 * expected**0.5


@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES.keys())
def test_sessions_and_think_times_have_the_means_of_the_mix(graph: SocialGraph, mix: Mix) -> None:
    found = sessions(Workload(graph, mix, 7).stream(0), 4_000)
    assert fmean(len(session.steps) for session in found) == pytest.approx(mix.session_steps, rel=0.1)
    thoughts = [step.think_seconds for session in found for step in session.steps]
    assert fmean(thoughts) == pytest.approx(mix.think_seconds, rel=0.05)
    assert all(step.actor == session.reader for session in found for step in session.steps if step.action not in WRITES)


def test_readers_and_authors_follow_zipfs_law(graph: SocialGraph) -> None:
    stream = Workload(graph, MIXES["everyday"], 7).stream(0)
    for draw, people in ((stream.reader, USERS), (stream.author, len(graph.followed_users))):
        drawn = Counter(draw() for _ in range(STEPS)).most_common()
        first = STEPS / sum(place**-ZIPF for place in range(1, people + 1))
        assert drawn[0][1] == pytest.approx(first, rel=0.1)
        assert drawn[9][1] == pytest.approx(first / 10**ZIPF, rel=0.25)


def test_who_writes_much_is_not_who_is_followed_much(graph: SocialGraph) -> None:
    stream = Workload(graph, MIXES["everyday"], 7).stream(0)
    busiest = [user for user, _ in Counter(stream.author() for _ in range(STEPS)).most_common(CELEBRITIES)]
    assert len(set(busiest) & set(range(CELEBRITIES))) <= CELEBRITIES // 2


def test_in_a_celebrity_storm_the_most_followed_post(graph: SocialGraph) -> None:
    stream = Workload(graph, MIXES["celebrity-storm"], 7).stream(0)
    share = fmean(stream.author() < CELEBRITIES for _ in range(2_000))
    assert share >= MIXES["celebrity-storm"].celebrities - 0.02


def test_a_returning_reader_has_not_read_before(graph: SocialGraph) -> None:
    stream = Workload(graph, MIXES["returning"], 7).stream(0)
    assert sorted(stream.reader() for _ in range(USERS)) == list(graph.users)


def test_returning_readers_of_many_streams_are_others(graph: SocialGraph) -> None:
    workload = Workload(graph, MIXES["returning"], 7)
    streams = [workload.stream(number) for number in range(50)]
    readers = [stream.reader() for stream in streams for _ in range(5)]
    assert len(set(readers)) > 0.9 * len(readers)


def test_nobody_follows_himself(graph: SocialGraph) -> None:
    stream = Workload(graph, MIXES["follow-churn"], 7).stream(0)
    steps = [step for session in sessions(stream, 2_000) for step in session.steps if step.action is Action.FOLLOW]
    assert len(steps) > 500
    assert all(step.other != step.actor for step in steps)


def test_texts_are_those_that_the_server_takes(graph: SocialGraph) -> None:
    stream = Workload(graph, MIXES["everyday"], 7).stream(0)
    texts = [text for _ in range(200) for text in (stream.post_text(), stream.reply_text())]
    assert all(parse(text).text for text in texts)
    assert len(set(texts)) > 200


def test_zipf_draws_the_last_item_too_and_needs_one() -> None:
    rng = random.Random(7)
    assert {Zipf("abc", 0).draw(rng) for _ in range(100)} == set("abc")
    with pytest.raises(ValueError, match="nothing to draw"):
        Zipf([])
