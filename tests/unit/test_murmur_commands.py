"""Each command: what it asks of the server, and what it prints for people and for programs."""

from __future__ import annotations

import json

import grpc
import pytest
from google.protobuf.message import Message

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import graph_pb2, tweet_pb2, user_pb2
from tests.unit.test_client_support import refusal
from tests.unit.test_murmur_support import Murmur, murmur, user

__all__ = ["murmur"]

TWEET = tweet_pb2.Tweet(tweet_id=2**60, author_id=7, text="Hello", kind=tweet_pb2.TWEET_KIND_POST)


def test_user_create(murmur: Murmur) -> None:
    murmur.server.on("CreateUser", user_pb2.CreateUserResponse(user=user(7)))
    assert murmur.ok("user", "create", "@alice", "--name", "Alice") == "Created @alice, id 7.\n"
    assert json.loads(murmur.ok("user", "create", "alice", "--json")) == {
        "userId": "7",
        "handle": "alice",
        "displayName": "Alice",
        "createTimeMs": "0",
    }
    named, unnamed = murmur.server.requests("CreateUser")
    assert (named.handle, named.display_name, unnamed.display_name) == ("alice", "Alice", "")


@pytest.mark.parametrize("name", ["alice", "@alice", "id:7"])
def test_user_show(murmur: Murmur, name: str) -> None:
    murmur.server.on("GetFollowCounts", graph_pb2.GetFollowCountsResponse(followers=30_000_000, following=2))
    shown = murmur.ok("user", "show", name)
    assert "@alice" in shown
    assert "30000000" in shown
    answer = json.loads(murmur.ok("--json", "user", "show", name))
    assert answer["user"]["handle"] == "alice"
    assert answer["followCounts"] == {"followers": "30000000", "following": "2"}
    asked = murmur.server.requests("GetUser")[0]
    assert (asked.handle, asked.user_id) == (("", 7) if name == "id:7" else ("alice", 0))


def test_post_acts_for_the_one_named(murmur: Murmur, monkeypatch: pytest.MonkeyPatch) -> None:
    murmur.server.on("CreateTweet", tweet_pb2.CreateTweetResponse(tweet=TWEET))
    murmur.ok("--as", "@bob", "post", "Hello")
    murmur.ok("post", "Hello", "--as=id:9")
    monkeypatch.setenv("MURMUR_AS", "alice")
    assert murmur.ok("post", "Hello") == f"Posted {2**60}.\n"
    assert murmur.actors("CreateTweet") == ["8", "9", "7"]
    assert len(murmur.server.requests("GetUser")) == 2  # id:9 needs no lookup


def test_the_server_may_be_named_by_the_environment(murmur: Murmur, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from murmuration_client.cli.app import app

    monkeypatch.setenv("MURMUR_TARGET", murmur.server.target)
    murmur.server.on("GetBacklog", admin_pb2.GetBacklogResponse())
    assert CliRunner().invoke(app, ["admin", "backlog"]).exit_code == 0


def test_post_with_media_and_reply(murmur: Murmur) -> None:
    murmur.server.on("CreateTweet", tweet_pb2.CreateTweetResponse(tweet=TWEET))
    murmur.ok("--as", "bob", "post", "Look", "--media-url", "https://example.org/a.PNG?x=1")
    murmur.ok("--as", "bob", "reply", "5", "--", "-1 degrees")
    post, reply = murmur.server.requests("CreateTweet")
    assert [(each.url, each.content_type) for each in post.media] == [("https://example.org/a.PNG?x=1", "image/png")]
    assert (reply.text, reply.in_reply_to_tweet_id) == ("-1 degrees", 5)


def test_media_of_unknown_type_is_wrong_usage(murmur: Murmur) -> None:
    assert "must end in" in murmur.fails(2, "--as", "bob", "post", "x", "--media-url", "javascript:alert(1)")


def test_delete_repost_unrepost(murmur: Murmur) -> None:
    murmur.server.on("DeleteTweet", tweet_pb2.DeleteTweetResponse())
    murmur.server.on(
        "CreateRepost", tweet_pb2.CreateRepostResponse(repost=tweet_pb2.Tweet(tweet_id=6, reposted_tweet_id=5))
    )
    murmur.server.on("DeleteRepost", tweet_pb2.DeleteRepostResponse())
    assert murmur.ok("--as", "bob", "delete", "5") == "Deleted 5.\n"
    assert murmur.ok("--as", "bob", "repost", "5") == "Reposted 5 as 6.\n"
    assert murmur.ok("--as", "bob", "unrepost", "5") == "No repost of 5 stands.\n"
    assert json.loads(murmur.ok("--as", "bob", "delete", "5", "--json")) == {}


@pytest.mark.parametrize("tweet_id", ["0", "-1", str(2**63), "x", "1.5"])
def test_an_impossible_post_id_is_wrong_usage(murmur: Murmur, tweet_id: str) -> None:
    murmur.fails(2, "--as", "bob", "delete", tweet_id)


def test_tweet_show(murmur: Murmur) -> None:
    found = tweet_pb2.GetTweetResponse(tweet=TWEET, counts=tweet_pb2.TweetCounts(replies=3))
    murmur.server.on("GetTweet", found)
    shown = murmur.ok("tweet", "show", str(2**60))
    assert "@alice" in shown
    assert "Hello" in shown
    answer = json.loads(murmur.ok("tweet", "show", str(2**60), "--json"))
    assert (answer["tweet"]["tweetId"], answer["counts"]["replies"]) == (str(2**60), "3")


@pytest.mark.parametrize(
    ("command", "method", "said"),
    [
        ("follow", "FollowUser", "You follow @alice.\n"),
        ("unfollow", "UnfollowUser", "You do not follow @alice.\n"),
        ("block", "BlockUser", "You block @alice.\n"),
        ("unblock", "UnblockUser", "You do not block @alice.\n"),
        ("mute", "MuteUser", "You mute @alice.\n"),
        ("unmute", "UnmuteUser", "You do not mute @alice.\n"),
    ],
)
def test_relations(murmur: Murmur, command: str, method: str, said: str) -> None:
    response = getattr(graph_pb2, f"{method}Response")
    murmur.server.on(method, response(relationship=graph_pb2.Relationship(user_id=7, following=True)))
    assert murmur.ok("--as", "bob", command, "alice") == said
    assert json.loads(murmur.ok("--as", "bob", "--json", command, "alice"))["userId"] == "7"
    assert murmur.server.requests(method)[0].user_id == 7
    assert murmur.actors(method) == ["8", "8"]


def test_follow_without_reposts(murmur: Murmur) -> None:
    murmur.server.on("FollowUser", graph_pb2.FollowUserResponse())
    murmur.ok("--as", "bob", "follow", "alice", "--hide-reposts")
    assert murmur.server.requests("FollowUser")[0].hide_reposts


def test_relation(murmur: Murmur) -> None:
    related = graph_pb2.Relationship(user_id=7, following=True, followed_by=True, muting=False)
    murmur.server.on("BatchGetRelationships", graph_pb2.BatchGetRelationshipsResponse(relationships=[related]))
    lines = [line.rstrip().split(maxsplit=2) for line in murmur.ok("--as", "bob", "relation", "alice").splitlines()]
    assert ["you", "follow", "yes, without reposts"] in lines
    assert ["blocks", "you", "no"] in lines
    assert json.loads(murmur.ok("--as", "bob", "relation", "alice", "--json"))["followedBy"] is True


@pytest.mark.parametrize(("command", "method"), [("followers", "ListFollowers"), ("following", "ListFollowing")])
def test_followers_and_following_keep_their_order(murmur: Murmur, command: str, method: str) -> None:
    response = getattr(graph_pb2, f"{method}Response")
    # 99 is gone between the two calls.
    murmur.server.on(method, response(user_ids=[9, 99], next_page_token="t"), response(user_ids=[8]))
    answer = json.loads(murmur.ok(command, "alice", "--json", "--all"))
    assert [each["handle"] for each in answer["users"]] == ["carol", "bob"]
    murmur.server.on(method, response(user_ids=[9, 8]))
    limited = murmur.ok(command, "alice", "--limit", "1")
    assert "@carol" in limited
    assert "@bob" not in limited


def test_backlog(murmur: Murmur) -> None:
    lane = admin_pb2.LaneBacklog(group="fanout", topic="tweets", records=12, oldest_age_ms=340)
    murmur.server.on("GetBacklog", admin_pb2.GetBacklogResponse(outbox_rows=3, lanes=[lane], lag_ms=340))
    shown = murmur.ok("admin", "backlog")
    assert "340 ms behind" in shown
    assert "fanout" in shown
    assert json.loads(murmur.ok("admin", "backlog", "--json"))["lanes"][0]["records"] == "12"


def test_rebuild_and_mode(murmur: Murmur) -> None:
    murmur.server.on("RebuildTimeline", admin_pb2.RebuildTimelineResponse())
    murmur.server.on("SetAuthorMode", lambda request, _: admin_pb2.SetAuthorModeResponse(mode=request.mode))
    assert murmur.ok("admin", "rebuild", "alice") == "The home of alice is being rebuilt.\n"
    assert murmur.server.requests("RebuildTimeline")[0].user_id == 7
    assert murmur.ok("admin", "mode", "alice", "pull") == "The next posts of alice: pull.\n"
    assert murmur.ok("admin", "mode", "alice", "push") == "The next posts of alice: push.\n"
    assert murmur.ok("admin", "mode", "alice", "auto") == "The next posts of alice: as the follower count decides.\n"
    assert json.loads(murmur.ok("admin", "mode", "alice", "pull", "--json")) == {"mode": "DELIVERY_MODE_PULL"}
    assert [each.mode for each in murmur.server.requests("SetAuthorMode")] == [2, 1, 0, 2]
    murmur.fails(2, "admin", "mode", "alice", "sideways")
    murmur.server.on("SetAuthorMode", _mode_of_a_later_release)
    assert "9, which this release does not know" in murmur.ok("admin", "mode", "alice", "auto")


def test_locate(murmur: Murmur) -> None:
    location = admin_pb2.UserLocation(
        user_id=7,
        handle="alice",
        scheme=admin_pb2.PLACEMENT_SCHEME_TOKEN_RING,
        partitions=[
            admin_pb2.TablePartition(
                table="followers",
                key=[admin_pb2.KeyColumn(name="user_id", value="7"), admin_pb2.KeyColumn(name="shard", value="2")],
                token=-(2**63),
                replicas=["10.0.0.1:9042", "10.0.0.2:9042"],
            )
        ],
        partitions_left_out=3,
        cache_node=admin_pb2.UserCacheNode(
            node="10.0.0.9:11211",
            status=admin_pb2.UserCacheNode.STATUS_OUT,
            generation=5,
            also_written="10.0.0.8:11211",
        ),
        delivery=admin_pb2.UserDelivery(mode=tweet_pb2.DELIVERY_MODE_PULL, followers=12, follower_shards=3),
        home_state=admin_pb2.UserHomeState(incomplete=True),
        cache_entries=admin_pb2.UserCacheEntries(home_head=True, recent=True),
    )
    murmur.server.on("LocateUser", admin_pb2.LocateUserResponse(location=location))
    shown = " ".join(murmur.ok("admin", "locate", "@alice").split())
    for part in (
        "@alice, id 7.",
        f"followers user_id=7, shard=2 {-(2**63)} 10.0.0.1:9042, 10.0.0.2:9042",
        "3 more partitions are not listed.",
        "Cache: 10.0.0.9:11211 (out: neither read nor written), generation 5. Written to 10.0.0.8:11211 as well",
        "Cached now: home_head, recent.",
        "Next posts: pull. Followers: 12, in 3 shards.",
        "Home: incomplete;",
    ):
        assert part in shown
    answer = json.loads(murmur.ok("admin", "locate", "id:7", "--json"))
    assert answer["scheme"] == "PLACEMENT_SCHEME_TOKEN_RING"
    assert answer["partitions"][0]["token"] == str(-(2**63))
    asked = [(each.handle, each.user_id) for each in murmur.server.requests("LocateUser")]
    assert asked == [("alice", 0), ("", 7)]


def test_locate_says_that_tablets_are_placed_otherwise(murmur: Murmur) -> None:
    location = admin_pb2.UserLocation(scheme=admin_pb2.PLACEMENT_SCHEME_TABLETS)
    murmur.server.on("LocateUser", admin_pb2.LocateUserResponse(location=location))
    assert "the ring of tokens does not tell where" in murmur.ok("admin", "locate", "alice")


def test_ring(murmur: Murmur) -> None:
    preview = admin_pb2.PreviewRingResponse(
        nodes_before=[admin_pb2.RingNode(node="a:1", share=1.0)],
        nodes_after=[admin_pb2.RingNode(node="a:1", share=0.5125), admin_pb2.RingNode(node="b:2", share=0.4875)],
        moved_share=0.4875,
        users=2,
        moves=[admin_pb2.UserMove(user_id=7, from_node="a:1", to_node="b:2")],
    )
    murmur.server.on("PreviewRing", preview)
    shown = " ".join(
        murmur.ok("admin", "ring", "--add", "b:2", "--user", "alice", "--user", "id:9", "--dry-run").split()
    )
    assert "a:1 100.0% 51.2%" in shown
    assert "b:2 - 48.8%" in shown
    assert "48.8% of all keys would move; of 2 users looked at, 1." in shown
    assert "id:7 a:1 b:2" in shown
    answer = json.loads(murmur.ok("admin", "ring", "--remove", "a:1", "--dry-run", "--json"))
    assert answer["moves"] == [{"userId": "7", "fromNode": "a:1", "toNode": "b:2"}]
    first, second = murmur.server.requests("PreviewRing")
    assert (list(first.add_nodes), list(first.user_ids)) == (["b:2"], [7, 9])
    assert (list(second.remove_nodes), list(second.user_ids)) == (["a:1"], [])


def test_ring_changes_nothing(murmur: Murmur) -> None:
    said = murmur.fails(2, "admin", "ring", "--add", "b:2")
    assert "memcached.nodes" in said
    assert "--dry-run" in said
    assert "\\n" not in said, "lines, and not their ends as text"
    assert len(said.splitlines()) == 3
    murmur.fails(2, "admin", "ring", "--dry-run")
    assert not murmur.server.received


def _mode_of_a_later_release(_request: object, _context: object) -> Message:
    return admin_pb2.SetAuthorModeResponse.FromString(b"\x08\x09")


def test_a_stranger_cannot_be_acted_for(murmur: Murmur) -> None:
    murmur.server.on(
        "GetUser", refusal(grpc.StatusCode.NOT_FOUND, "ERROR_REASON_USER_NOT_FOUND", "There is no user x.")
    )
    assert murmur.fails(1, "--as", "x", "home").startswith("murmur: There is no user x.")
