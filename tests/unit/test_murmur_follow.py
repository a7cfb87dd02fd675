"""`murmur home --follow`, `murmur wait` and `murmur user posts`."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys

import grpc

from murmuration.v1 import timeline_pb2, tweet_pb2
from tests.unit.test_client_support import refusal
from tests.unit.test_murmur_home import NASTY, page, tweet
from tests.unit.test_murmur_support import Murmur, murmur

__all__ = ["murmur"]

UNAVAILABLE = refusal(grpc.StatusCode.UNAVAILABLE, "ERROR_REASON_UNAVAILABLE")
START_SECONDS = 30


def test_new_posts_come_a_line_each_oldest_first(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([9, 8]), page([]), page([11]))
    result = murmur.run("--as", "bob", "home", "--follow", "--since", "7", "--limit", "3", "--no-replies")
    assert result.exit_code == 0
    assert [line.split("  ")[0] for line in result.stdout.splitlines()] == ["8", "9", "11"]
    assert all("@alice" in line for line in result.stdout.splitlines())
    assert result.stderr == "To go on from here: murmur home --follow --since 11\n"
    first, *_ = murmur.server.requests("ListHomeTimeline")
    assert (first.since_tweet_id, first.exclude_replies) == (7, True)


def test_for_programs_each_line_is_a_document(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([9, 8]))
    result = murmur.run("--as", "bob", "home", "-f", "--since", "0", "--limit", "2", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["tweet"]["tweetId"] for line in lines] == ["8", "9"]
    assert [[user["handle"] for user in line["users"]] for line in lines] == [["alice"], ["alice"]]


def test_nothing_steers_the_terminal_or_breaks_the_line(murmur: Murmur) -> None:
    item = timeline_pb2.HomeTimelineItem(tweet=tweet(8, text=f"{NASTY}\nsecond line"))
    murmur.server.on("ListHomeTimeline", timeline_pb2.ListHomeTimelineResponse(items=[item]))
    for flags in ((), ("--json",)):
        result = murmur.run("--as", "bob", "home", "--follow", "--since", "0", "--limit", "1", *flags)
        [line] = result.stdout.splitlines()
        assert line.isprintable()


def test_without_an_id_it_begins_now(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([8]), page([9, 8]))
    result = murmur.run("--as", "bob", "home", "--follow", "--limit", "1", "--json")
    assert json.loads(result.stdout)["tweet"]["tweetId"] == "9"


def test_interrupted_it_says_how_to_go_on(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([9]))
    command = [sys.executable, "-m", "murmuration_client.cli", "--target", murmur.server.target, "--as", "id:8"]
    with subprocess.Popen(
        [*command, "home", "--follow", "--since", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        text=True,
        # Where the tests run in the background of a shell, what they start would not hear of Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], START_SECONDS)[0], "no line came"
        assert process.stdout.readline().startswith("9")
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 130
    assert "--since 9" in said
    assert "Traceback" not in said


def test_waiting(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([9]), UNAVAILABLE, page([9, 5]))
    assert murmur.ok("--as", "bob", "wait", "5") == "5 is visible.\n"
    assert json.loads(murmur.ok("--as", "bob", "wait", "5", "--json"))["tweet"]["tweetId"] == "5"
    assert set(murmur.actors("ListHomeTimeline")) == {"8"}


def test_waiting_in_vain(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([9]))
    said = murmur.fails(4, "--as", "bob", "wait", "5", "--timeout", "0.2")
    assert "Post 5 is not in the home of user 8 after 0.2 s" in said
    assert "follows its author" in said


def test_posts_of_a_user(murmur: Murmur) -> None:
    pages = [
        tweet_pb2.ListUserTweetsResponse(tweets=[tweet(9), tweet(8)], next_page_token="a"),
        tweet_pb2.ListUserTweetsResponse(tweets=[tweet(7)]),
    ]
    murmur.server.on("ListUserTweets", *pages)
    answer = json.loads(murmur.ok("user", "posts", "@alice", "--all", "--json"))
    assert [each["tweetId"] for each in answer["tweets"]] == ["9", "8", "7"]
    murmur.server.on("ListUserTweets", *pages[:1])
    shown = murmur.ok("user", "posts", "alice", "--limit", "1")
    assert "text 9" in shown
    assert "text 8" not in shown
    murmur.server.on("ListUserTweets", tweet_pb2.ListUserTweetsResponse())
    assert murmur.ok("user", "posts", "alice") == "Nothing here.\n"
