"""`murmur home`: pages joined, limits kept, and nothing printed that steers a terminal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.message import Message

from murmuration.v1 import timeline_pb2, tweet_pb2
from tests.unit.test_murmur_support import Murmur, murmur, user

__all__ = ["murmur"]

READY = timeline_pb2.TimelineState.STATUS_READY
NASTY = "\x1b]0;owned\x07\x1b[2J[red]markup[/red] :smile: \u202ereversed\x9b31m\x7f\r\u2028end"


def tweet(tweet_id: int, **fields: Any) -> tweet_pb2.Tweet:
    defaults: dict[str, Any] = {"author_id": 7, "kind": tweet_pb2.TWEET_KIND_POST, "text": f"text {tweet_id}"}
    return tweet_pb2.Tweet(tweet_id=tweet_id, **(defaults | fields))


def page(ids: list[int], token: str = "", status: Any = READY) -> timeline_pb2.ListHomeTimelineResponse:
    return timeline_pb2.ListHomeTimelineResponse(
        items=[timeline_pb2.HomeTimelineItem(tweet=tweet(each)) for each in ids],
        users=[user(7)],
        next_page_token=token,
        state=timeline_pb2.TimelineState(status=status),
    )


def test_all_pages_are_one_document(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([9, 8], "a"), page([], "b"), page([7]))
    answer = json.loads(murmur.ok("--as", "bob", "home", "--all", "--json"))
    assert [each["tweet"]["tweetId"] for each in answer["items"]] == ["9", "8", "7"]
    assert [each["handle"] for each in answer["users"]] == ["alice"]
    assert answer["nextPageToken"] == ""
    assert answer["state"]["status"] == "STATUS_READY"
    assert [each.page_size for each in murmur.server.requests("ListHomeTimeline")] == [100, 100, 100]
    assert murmur.actors("ListHomeTimeline") == ["8", "8", "8"]


def test_a_limit_is_met_over_short_pages_and_never_passed(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([9, 8], "a"), page([], "b"), page([7], "c"), page([6], "d"))
    answer = json.loads(murmur.ok("--as", "bob", "home", "--limit", "3", "--json"))
    assert [each["tweet"]["tweetId"] for each in answer["items"]] == ["9", "8", "7"]
    assert answer["nextPageToken"] == "c"
    asked = murmur.server.requests("ListHomeTimeline")
    assert [(each.page_size, each.page_token) for each in asked] == [(3, ""), (1, "a"), (1, "b")]


def test_the_query_goes_along(murmur: Murmur) -> None:
    murmur.server.on("ListHomeTimeline", page([]))
    assert murmur.ok("--as", "bob", "home", "--since", "5", "--no-replies", "--no-reposts") == "Nothing here.\n"
    [asked] = murmur.server.requests("ListHomeTimeline")
    assert (asked.since_tweet_id, asked.exclude_replies, asked.exclude_reposts) == (5, True, True)


def test_posts_replies_and_reposts_are_told_apart(murmur: Murmur) -> None:
    items = [
        timeline_pb2.HomeTimelineItem(tweet=tweet(3), counts=tweet_pb2.TweetCounts(replies=11, reposts=1)),
        timeline_pb2.HomeTimelineItem(tweet=tweet(2, kind=tweet_pb2.TWEET_KIND_REPLY, in_reply_to_tweet_id=1)),
        timeline_pb2.HomeTimelineItem(
            tweet=tweet(4, kind=tweet_pb2.TWEET_KIND_REPOST, text="", author_id=8, reposted_tweet_id=1),
            reposted_tweet=tweet(1, author_id=9),
        ),
    ]
    users = [user(7), user(8)]  # carol (9) is missing: her id stands in
    murmur.server.on("ListHomeTimeline", timeline_pb2.ListHomeTimelineResponse(items=items, users=users))
    shown = [" ".join(line.split()) for line in murmur.ok("--as", "bob", "home").splitlines()]
    assert "3 1970-01-01 00:00 @alice text 3 (11 replies, 1 repost)" in shown
    assert "2 1970-01-01 00:00 @alice (to 1) text 2" in shown
    assert "4 1970-01-01 00:00 id:9, by @bob text 1" in shown


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (timeline_pb2.TimelineState.STATUS_REBUILDING, "being rebuilt"),
        (timeline_pb2.TimelineState.STATUS_DEGRADED, "may lack posts"),
    ],
)
def test_an_incomplete_home_is_said_to_be_one(murmur: Murmur, status: Any, word: str) -> None:
    murmur.server.on("ListHomeTimeline", page([9], status=status))
    result = murmur.run("--as", "bob", "home")
    assert (result.exit_code, word in result.stderr) == (0, True)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_what_people_write_never_steers_the_terminal(murmur: Murmur, form: tuple[str, ...]) -> None:
    def nasty(_request: object, _context: object) -> Message:
        response = page([9])
        response.items[0].tweet.text = NASTY
        response.items[0].tweet.media.add(url=f"https://example.org/{NASTY}")
        response.users[0].handle = NASTY
        return response

    murmur.server.on("ListHomeTimeline", nasty)
    shown = murmur.ok("--as", "bob", "home", *form)
    assert not set(shown) & set("\x1b\x07\x7f\x9b\r\u202e\u2028")
    assert "[red]markup[/red] :smile:" in shown
    if form:
        assert json.loads(shown)["items"][0]["tweet"]["text"] == NASTY
    else:
        assert "\\x1b[2J" in shown
