"""What may be written: texts, names and media, seen from outside. Every rule has more cases in tests/unit."""

from __future__ import annotations

import unicodedata
from typing import Any

import grpc
import pytest

from murmuration.v1 import tweet_pb2, user_pb2
from tests.inputs.people import INVALID, People, created, new_handle, posted
from tests.process.running import Api

LINK = "https://example.org/" + "a" * 300
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
COMPOSED, DECOMPOSED = "\u00e9", "e\u0301"

REFUSED_TEXTS = {
    "nothing": "",
    "only spaces": "  \t\n ",
    "only spaces of other kinds": "\u00a0\u2003\u3000",
    "only zero-width characters": "\u200b\u200c\u200d\ufeff",
    "only a blank Braille pattern": "\u2800",
    "281 weighted characters": "a" * 281,
    "141 Chinese characters": "\u4e2d" * 141,
    "141 emoji": "\U0001f426" * 141,
    "a family too many": FAMILY * 141,
    "258 characters and a link": "a" * 257 + " " + LINK,
    "281 accents written as two code points each": DECOMPOSED * 281,
    "a hundred thousand characters": "a" * 100_000,
    "a right-to-left override": "pay \u202eevil\u202c me",
    "a direction isolate": "a \u2066b\u2069",
    "a NUL": "a\0b",
    "an escape": "a\x1b[31mb",
    "a carriage return": "a\rb",
    "a control character of the upper range": "a\x85b",
    "twenty marks on one letter": "a" + "\u0301\u0316" * 10,
    "a thousand marks on one letter": "a" + "\u0301" * 1000,
    "marks parted by zero-width characters": "a" + "\u0301\u200b" * 20,
    "51 mentions": " ".join(f"@a{number}" for number in range(51)),
    "51 hashtags": " ".join(f"#a{number}" for number in range(51)),
    "5,000 mentions": "@ab " * 5_000,
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in REFUSED_TEXTS.items()])
def test_a_text_that_may_not_be_posted(people: People, text: str) -> None:
    request = tweet_pb2.CreateTweetRequest(text=text)
    people.refused("tweets.CreateTweet", request, INVALID, "INVALID_FIELD", "text", actor=people.author)


@pytest.mark.parametrize("name", ["nothing", "281 weighted characters", "a NUL"])
def test_nor_as_a_reply(people: People, name: str) -> None:
    request = tweet_pb2.CreateTweetRequest(text=REFUSED_TEXTS[name], in_reply_to_tweet_id=people.tweet)
    people.refused("tweets.CreateTweet", request, INVALID, "INVALID_FIELD", "text", actor=people.author)


TAKEN_TEXTS = {
    "280 characters": "a" * 280,
    "140 Chinese characters": "\u4e2d" * 140,
    "140 emoji": "\U0001f426" * 140,
    "140 families of four, 2 each": FAMILY * 140,
    "256 characters, a space and a link of 23": "a" * 256 + " " + LINK,
    "280 accents written as two code points each": DECOMPOSED * 280,
    "line feeds and tabs": "a\n\tb",
    "CQL and SQL": "'); DROP TABLE tweets; --",
    "JSON": '{"$gt": ""}',
    "a script": "<script>alert(1)</script>",
    "Arabic, which is right-to-left by itself": "\u0645\u0631\u062d\u0628\u0627",
    "50 mentions of nobody": " ".join(f"@a{number}" for number in range(50)),
}


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in TAKEN_TEXTS.items()])
def test_a_text_at_the_limit_is_taken_and_kept_in_nfc(people: People, api: Api, text: str) -> None:
    tweet = posted(api, people.author, text)
    assert tweet.text == unicodedata.normalize("NFC", text)
    found = api.call("tweets.GetTweet", tweet_pb2.GetTweetRequest(tweet_id=tweet.tweet_id))
    assert found.tweet == tweet


def test_nfc_and_nfd_are_one_text_of_one_length(people: People, api: Api) -> None:
    composed, decomposed = (posted(api, people.author, form * 280) for form in (COMPOSED, DECOMPOSED))
    assert composed.text == decomposed.text == COMPOSED * 280


def test_white_space_around_a_text_is_dropped(people: People, api: Api) -> None:
    assert posted(api, people.author, " \n hello \u3000").text == "hello"


def test_mentions_of_nobody_and_twice_of_one(people: People, api: Api) -> None:
    handle = new_handle()
    user_id = created(api, handle)
    tweet = posted(api, people.author, f"@{handle} @{handle.upper()} @nobody_{handle[:6]}")
    assert [mention.user_id for mention in tweet.mentions] == [user_id, user_id]
    for mention in tweet.mentions:
        assert tweet.text[mention.start : mention.end].lower() == f"@{handle}"


def _media(**changes: Any) -> tweet_pb2.Media:
    fields = {"url": "https://example.org/a.png", "content_type": "image/png", "size_bytes": 1, "alt_text": ""}
    return tweet_pb2.Media(**(fields | changes))


REFUSED_MEDIA = {
    "no type": ("content_type", _media(content_type="")),
    "a type that is not shown": ("content_type", _media(content_type="text/html")),
    "a type with a parameter": ("content_type", _media(content_type="image/png; charset=x")),
    "no link": ("url", _media(url="")),
    "a javascript: link": ("url", _media(url="javascript:alert(1)")),
    "a javascript: link after a space": ("url", _media(url=" javascript:alert(1)")),
    "a data: link": ("url", _media(url="data:image/png;base64,AAAA")),
    "an http link": ("url", _media(url="http://example.org/a.png")),
    "a link without a host": ("url", _media(url="https:///a.png")),
    "a link with a password": ("url", _media(url="https://user:secret@example.org/a.png")),
    "a link with a line break": ("url", _media(url="https://example.org/a\nb.png")),
    "a link of 2,001 characters": ("url", _media(url="https://example.org/" + "a" * 1981)),
    "a negative size": ("size_bytes", _media(size_bytes=-1)),
    "a size beyond all measure": ("size_bytes", _media(size_bytes=2**63 - 1)),
    "a description of 1,001 characters": ("alt_text", _media(alt_text="a" * 1001)),
}


@pytest.mark.parametrize(("field", "media"), [pytest.param(*case, id=name) for name, case in REFUSED_MEDIA.items()])
def test_media_that_may_not_be_posted(people: People, field: str, media: tweet_pb2.Media) -> None:
    """Beside one that may, so that the number in the field's name says which."""
    request = tweet_pb2.CreateTweetRequest(text="look", media=[_media(), media])
    field = f"media[1].{field}"
    people.refused("tweets.CreateTweet", request, INVALID, "INVALID_FIELD", field, actor=people.author)


def test_five_media(people: People) -> None:
    request = tweet_pb2.CreateTweetRequest(text="look", media=[_media()] * 5)
    people.refused("tweets.CreateTweet", request, INVALID, "INVALID_FIELD", "media", actor=people.author)


def test_four_media_and_no_text_are_taken(people: People, api: Api) -> None:
    assert len(posted(api, people.author, "", media=[_media(alt_text="a" * 1000)] * 4).media) == 4


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param("", id="nothing"),
        pytest.param("a" * 16, id="16 characters"),
        pytest.param("a b", id="a space"),
        pytest.param("a\n", id="a line feed at the end"),
        pytest.param("a-b", id="a hyphen"),
        pytest.param("@ab", id="the sign of a mention"),
        pytest.param("a\0b", id="a NUL"),
        pytest.param("\u0430lice", id="a Cyrillic letter that looks like a"),
        pytest.param("alice\u200b", id="a zero-width character"),
        pytest.param("\uff41lice", id="a fullwidth letter"),
        pytest.param("\u212aate", id="the Kelvin sign for k"),
        pytest.param("al\u0131ce", id="a dotless i"),
        pytest.param("\u0661\u0662", id="Arabic digits"),
    ],
)
def test_a_handle_that_nobody_may_have(people: People, handle: str) -> None:
    people.refused("users.CreateUser", user_pb2.CreateUserRequest(handle=handle), INVALID, "INVALID_FIELD", "handle")
    people.refused("users.GetUser", user_pb2.GetUserRequest(handle=handle), INVALID, "INVALID_FIELD", "handle")


def test_a_handle_is_one_handle_in_capitals_and_small_letters(people: People, api: Api) -> None:
    handle = new_handle()
    user_id = created(api, handle)
    request = user_pb2.CreateUserRequest(handle=handle.upper(), display_name="Another")
    people.refused("users.CreateUser", request, grpc.StatusCode.ALREADY_EXISTS, "HANDLE_TAKEN")
    for form in (handle, handle.upper()):
        user = api.call("users.GetUser", user_pb2.GetUserRequest(handle=form)).user
        assert (user.user_id, user.handle, user.display_name) == (user_id, handle, "")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("a" * 51, id="51 characters"),
        pytest.param("a" * 100_000, id="a hundred thousand characters"),
        pytest.param("a\nb", id="a line break"),
        pytest.param("a\u2028b", id="a Unicode line break"),
        pytest.param("a\0b", id="a NUL"),
        pytest.param("\u202eecila", id="a right-to-left override"),
    ],
)
def test_a_display_name_that_nobody_may_have(people: People, api: Api, name: str) -> None:
    handle = new_handle()
    request = user_pb2.CreateUserRequest(handle=handle, display_name=name)
    people.refused("users.CreateUser", request, INVALID, "INVALID_FIELD", "display_name")
    created(api, handle)


def test_a_display_name_is_kept_in_nfc_without_white_space_around(api: Api) -> None:
    request = user_pb2.CreateUserRequest(handle=new_handle(), display_name=f" {DECOMPOSED * 50} ")
    assert api.call("users.CreateUser", request).user.display_name == COMPOSED * 50
