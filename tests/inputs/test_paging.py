"""Page sizes out of range, and page tokens that are not this list's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from murmuration.v1 import graph_pb2, timeline_pb2, tweet_pb2
from murmuration_client.errors import MurmurationError
from tests.inputs.people import INVALID, People, created, posted
from tests.process.running import Api, Server, until

POSTS = 3


@dataclass(frozen=True)
class Listing:
    """A paged call about one user. `own`: the list is the actor's."""

    method: str
    request_type: Any
    items: str
    own: bool = False

    def request(self, user_id: int, size: int = 0, token: str = "", **fields: Any) -> Any:
        about = {} if self.own else {"user_id": user_id}
        return self.request_type(page_size=size, page_token=token, **about, **fields)

    def page(self, api: Api, user_id: int, size: int = 0, token: str = "", **fields: Any) -> Any:
        return api.call(self.method, self.request(user_id, size, token, **fields), user_id)

    def ids(self, page: Any) -> list[int]:
        found = list(getattr(page, self.items))
        if self.items == "items":
            return [item.tweet.tweet_id for item in found]
        return [tweet.tweet_id for tweet in found] if self.items == "tweets" else found


HOME = Listing("timeline.ListHomeTimeline", timeline_pb2.ListHomeTimelineRequest, "items", own=True)
TWEETS = Listing("tweets.ListUserTweets", tweet_pb2.ListUserTweetsRequest, "tweets")
FOLLOWERS = Listing("graph.ListFollowers", graph_pb2.ListFollowersRequest, "user_ids")
FOLLOWING = Listing("graph.ListFollowing", graph_pb2.ListFollowingRequest, "user_ids")
LISTINGS = [HOME, TWEETS, FOLLOWERS, FOLLOWING]

every_list = pytest.mark.parametrize(
    "listing", [pytest.param(listing, id=listing.method.partition(".")[2]) for listing in LISTINGS]
)


@pytest.fixture(scope="module")
def busy(api: Api) -> tuple[int, int]:
    """Two users, each with as many posts, followers and followees, and what they see at home."""
    return _busy(api), _busy(api)


def _busy(api: Api) -> int:
    user_id = created(api)
    for _ in range(POSTS):
        other = created(api)
        api.call("graph.FollowUser", graph_pb2.FollowUserRequest(user_id=other), user_id)
        api.call("graph.FollowUser", graph_pb2.FollowUserRequest(user_id=user_id), other)
        posted(api, user_id)
    return user_id


def _token(listing: Listing, api: Api, user_id: int, **fields: Any) -> str:
    page = listing.page(api, user_id, 1, **fields)
    assert page.next_page_token
    token: str = page.next_page_token
    return token


def _refuse(people: People, listing: Listing, user_id: int, token: str, **fields: Any) -> None:
    request = listing.request(user_id, 1, token, **fields)
    people.refused(listing.method, request, INVALID, "INVALID_PAGE_TOKEN", "page_token", actor=user_id)


@every_list
@pytest.mark.parametrize("size", [-1, -(2**31)])
def test_a_negative_page_size(people: People, busy: tuple[int, int], listing: Listing, size: int) -> None:
    request = listing.request(busy[0], size)
    people.refused(listing.method, request, INVALID, "INVALID_FIELD", "page_size", actor=busy[0])


@every_list
@pytest.mark.parametrize("size", [0, 2**31 - 1])
def test_no_page_size_is_the_default_and_too_large_a_one_the_greatest(
    api: Api, busy: tuple[int, int], listing: Listing, size: int
) -> None:
    page = listing.page(api, busy[0], size)
    assert len(listing.ids(page)) == POSTS
    assert page.next_page_token == ""


def test_the_greatest_page_of_a_home_has_100_items(api: Api) -> None:
    user_id = created(api)
    for number in range(101):
        posted(api, user_id, f"post {number}")
    first = HOME.page(api, user_id, 2**31 - 1)
    rest = HOME.page(api, user_id, 2**31 - 1, first.next_page_token)
    assert (len(first.items), len(rest.items), rest.next_page_token) == (100, 1, "")
    assert len(HOME.page(api, user_id).items) == 20


@every_list
def test_a_walk_of_single_items_meets_each_once(api: Api, busy: tuple[int, int], listing: Listing) -> None:
    whole, walked, token = listing.ids(listing.page(api, busy[0])), [], ""
    while True:
        page = listing.page(api, busy[0], 1, token)
        walked += listing.ids(page)
        token = page.next_page_token
        if not token:
            break
    assert walked == whole


FORGERIES: dict[str, Callable[[str], str]] = {
    "a word": lambda token: "next",
    "a page number": lambda token: "2",
    "one character": lambda token: "A",
    "not ASCII": lambda token: "\u00e9" * 20,
    "a NUL": lambda token: "\0",
    "SQL": lambda token: "' OR 1=1 --",
    "cut by its last character": lambda token: token[:-1],
    "cut in half": lambda token: token[: len(token) // 2],
    "without its first character": lambda token: token[1:],
    "with a character more": lambda token: token + "A",
    "twice": lambda token: token * 2,
    "another key's number": lambda token: _flipped(token, 0),
    "its middle changed": lambda token: _flipped(token, len(token) // 2),
    "its signature changed": lambda token: _flipped(token, len(token) - 8),
    "a hundred thousand characters": lambda token: "A" * 100_000,
}


def _flipped(token: str, place: int) -> str:
    """With another character there; in the middle of the token every bit of it counts."""
    return token[:place] + ("B" if token[place] != "B" else "C") + token[place + 1 :]


@every_list
@pytest.mark.parametrize("forge", [pytest.param(forge, id=name) for name, forge in FORGERIES.items()])
def test_a_forged_token(people: People, busy: tuple[int, int], listing: Listing, forge: Callable[[str], str]) -> None:
    _refuse(people, listing, busy[0], forge(_token(listing, people.api, busy[0])))


@every_list
def test_a_token_of_another_users_list(people: People, busy: tuple[int, int], listing: Listing) -> None:
    _refuse(people, listing, busy[1], _token(listing, people.api, busy[0]))


@every_list
def test_a_token_of_another_list_of_the_same_user(people: People, busy: tuple[int, int], listing: Listing) -> None:
    for other in LISTINGS:
        if other is not listing:
            _refuse(people, listing, busy[0], _token(other, people.api, busy[0]))


QUERIES: dict[str, dict[str, Any]] = {
    "another since_tweet_id": {"since_tweet_id": 1},
    "without replies": {"exclude_replies": True},
    "without reposts": {"exclude_reposts": True},
}


@pytest.mark.parametrize("fields", [pytest.param(fields, id=name) for name, fields in QUERIES.items()])
def test_a_homes_token_of_another_query(people: People, busy: tuple[int, int], fields: dict[str, Any]) -> None:
    _refuse(people, HOME, busy[0], _token(HOME, people.api, busy[0]), **fields)
    _refuse(people, HOME, busy[0], _token(HOME, people.api, busy[0], **fields))


@pytest.mark.xdist_group("forgetful")
def test_an_expired_token_of_a_home(forgetful: Server) -> None:
    with Api(forgetful.target) as api:
        user_id = _busy(api)
        token = _token(HOME, api, user_id)

        def expired() -> MurmurationError | None:
            try:
                HOME.page(api, user_id, 1, token)
            except MurmurationError as error:
                return error
            return None

        refused = until("the token to expire", expired)
        assert (refused.code, refused.reason) == (INVALID, "INVALID_PAGE_TOKEN")
        assert [name for name, _ in refused.field_violations] == ["page_token"]
        assert len(HOME.page(api, user_id).items) == POSTS
