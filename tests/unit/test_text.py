"""The rules of a post's text, by example, by property and by what must be refused."""

import unicodedata
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from murmuration_server.tweets.text import (
    MAX_WEIGHTED_LENGTH,
    Hashtag,
    Link,
    Mention,
    ParsedText,
    TextRejected,
    parse,
)

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
KISS_WITH_SKIN_TONES = "👩🏽\u200d❤\ufe0f\u200d💋\u200d👨🏿"
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
TIBETAN_MONOGRAM = "\u0f67\u0f90\u0fb5\u0fa8\u0fb3\u0fba\u0fbc\u0fbb\u0f82"  # eight marks on one letter


def rule_broken_by(text: str) -> str:
    with pytest.raises(TextRejected) as caught:
        parse(text)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    sentence.encode()  # fit for a log, whatever the text was
    return caught.value.rule


# Length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("a", 1),
        ("a b\n\tc", 6),
        ("é", 1),
        ("e\u0301", 1),
        ("\u10ff", 1),
        ("\u1100", 2),  # the first code point after the first light range
        ("a\u200da", 3),
        ("“a”", 3),
        ("‘a’", 3),
        ("a\u2028a", 4),
        ("a′", 2),
        ("a‰", 3),
        ("漢", 2),
        ("한", 2),
        ("\u1112\u1161\u11ab", 2),  # the same syllable from its parts
        ("ｱ", 2),
        ("𝒳", 2),
        ("😀", 2),
        ("❤", 2),
        ("❤\ufe0f", 2),
        ("©", 1),
        ("©\ufe0f", 2),
        ("👍🏽", 2),
        ("🎂🏽", 4),  # a cake has no skin: two pictures
        ("🇯🇵", 2),
        ("🇯🇵🇫🇷", 4),
        ("1\ufe0f\u20e3", 2),
        ("#\ufe0f\u20e3", 2),
        ("12", 2),
        (WALES, 2),
        (FAMILY, 2),
        (KISS_WITH_SKIN_TONES, 2),
        ("🏳\ufe0f\u200d🌈", 2),
        (f"{FAMILY}\u200d👶", 5),  # no emoji has five people: family, joiner, baby
        ("https://example.com/" + "x" * 500, 23),
        ("http://a.co", 23),
        ("a.co", 23),
        ("see a.co, b.co", 4 + 23 + 2 + 23),
        ("me@example.com", 14),
    ],
)
def test_weighted_length(text: str, length: int) -> None:
    assert parse(text).weighted_length == length


@pytest.mark.parametrize(
    "text",
    [
        "a" * 280,
        "漢" * 140,
        FAMILY * 140,
        "e\u0301" * 280,
        " ".join(["https://example.com/a/long/way"] * 11) + " " + "a" * 16,
        "b" * 256 + " https://example.com/" + "x" * 4076,
    ],
)
def test_280_weighted_characters_are_taken_and_281_are_not(text: str) -> None:
    assert parse(text).weighted_length == 280
    assert rule_broken_by("!" + text) == "TOO_LONG"


def test_140_ideographs_are_taken_and_141_are_not() -> None:
    assert rule_broken_by("a" * 281) == "TOO_LONG"
    assert rule_broken_by("漢" * 141) == "TOO_LONG"
    assert rule_broken_by("漢" * 140 + "a") == "TOO_LONG"


def test_eleven_links_fit_and_twelve_do_not() -> None:
    eleven = parse("a.co " * 11)
    assert len(eleven.links) == 11
    assert eleven.weighted_length == 11 * 23 + 10
    assert rule_broken_by("a.co " * 12) == "TOO_LONG"  # 12 * 23 + 11 = 287


def test_white_space_around_the_text_is_not_counted() -> None:
    assert parse("\n\t " + "a" * 280 + " \u3000\n").text == "a" * 280


def test_too_long_a_link_is_plain_text() -> None:
    assert rule_broken_by("https://example.com/" + "x" * 4077) == "TOO_LONG"


def test_an_endless_chain_of_emoji_is_not_one_emoji() -> None:
    assert rule_broken_by("👨\u200d" * 500 + "👨") == "TOO_LONG"


def test_text_is_returned_in_nfc() -> None:
    assert parse("Cafe\u0301 @bob") == parse("Café @bob")
    assert parse("Cafe\u0301 @bob").mentions == (Mention(5, 9, "bob"),)


# Mentions


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("@alice", ["alice"]),
        (".@alice and @Bob_2!", ["alice", "Bob_2"]),
        ("(@a) “@b” @c's @d.", ["a", "b", "c", "d"]),
        ("@a@b", []),
        ("@@a", []),
        ("a@b é@b 漢@b _@b 2@b", []),
        ("me@example.com first.last+@example.com x-@example.com", []),
        ("hi.@bob", ["bob"]),
        ("@" + "a" * 15, ["a" * 15]),
        ("@" + "a" * 16, []),
        ("@alicé @alice漢", []),
        ("@bob\u0301", []),
        ("@ alice @-", []),
        ("https://example.com/@alice @bob", ["bob"]),
        ("@https://example.com", []),
        ("＠alice", []),
        ("😀@alice😀", ["alice"]),
        ("@alice@example.com", []),
        ("#@alice", ["alice"]),
    ],
)
def test_mentions(text: str, handles: list[str]) -> None:
    assert [mention.handle for mention in parse(text).mentions] == handles


# Hashtags


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#go", ["go"]),
        ("＃go", ["go"]),
        ("#1 #12", []),
        ("#1st #2_ #٣", ["1st", "2_"]),
        ("#été #日本語 #हिन्दी #ไทย #תֵּל #a_b", ["été", "日本語", "हिन्दी", "ไทย", "תֵּל", "a_b"]),
        ("#می\u200cخواهم #क्\u200dष", ["می\u200cخواهم", "क्\u200dष"]),
        ("#a\u200db", ["a"]),
        ("a#b é#b 漢#b _#b &#39; ##b", []),
        ("#a#b", ["a"]),
        ("#a-b #c.", ["a", "c"]),
        ("#\ufe0f\u20e3 #1\ufe0f\u20e3 # #- x", []),
        ("#\u0301a", []),
        ("https://example.com/#frag example.com#frag #tag", ["tag"]),
        ("#https://example.com", []),
        ("(#a)", ["a"]),
        ("😀#a😀", ["a"]),
    ],
)
def test_hashtags(text: str, tags: list[str]) -> None:
    assert [hashtag.tag for hashtag in parse(text).hashtags] == tags


# Links


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("https://example.com", ["https://example.com"]),
        ("HTTP://Example.COM/A", ["HTTP://Example.COM/A"]),
        ("example.com", ["https://example.com"]),
        ("Www.Example.Co.Uk/a?b=c#d", ["https://Www.Example.Co.Uk/a?b=c#d"]),
        ("See example.com. Or (example.org)!", ["https://example.com", "https://example.org"]),
        ("example.com:8080/a,b.co", ["https://example.com:8080/a,b.co"]),
        ("a.com,b.com", ["https://a.com", "https://b.com"]),
        ("http://a.com,http://b.com", ["http://a.com", "http://b.com"]),
        ("https://en.wikipedia.org/wiki/A_(b) c", ["https://en.wikipedia.org/wiki/A_(b)"]),
        ("詳しくはhttps://example.com/へ", ["https://example.com/へ"]),
        ("https://münchen.example/ü", ["https://münchen.example/ü"]),
        ("xn--e1afmkfd.xn--p1ai", ["https://xn--e1afmkfd.xn--p1ai"]),
        ("e.g. 3.14 v1.2.3 1.2.3.4 foo.notatld a.com.notatld", []),
        ("example.com_ example.com- éexample.com example.comé", []),
        ("javascript:alert(1) javascript:example.com", []),
        ("ftp://example.com ftp:example.com data:text/html,x mailto:me@example.com", []),
        ("//example.com xhttp://example.com", []),
        ("me@example.com john.me@example.com @example.com #example.com", []),
        ("example.com:pass@example.org", []),
        ("http:// https:// http://? https:/example", []),
    ],
)
def test_links(text: str, urls: list[str]) -> None:
    assert [link.url for link in parse(text).links] == urls


def test_entities_come_with_their_places() -> None:
    parsed = parse(" 👍 @bob see example.com/x #go\n")
    assert parsed == ParsedText(
        text="👍 @bob see example.com/x #go",
        weighted_length=2 + 1 + 4 + 5 + 23 + 4,
        mentions=(Mention(2, 6, "bob"),),
        hashtags=(Hashtag(25, 28, "go"),),
        links=(Link(11, 24, "https://example.com/x"),),
    )


@pytest.mark.parametrize("entity", ["@a ", "#a "])
def test_fifty_entities_of_a_kind_are_taken_and_one_more_is_not(entity: str) -> None:
    parse(entity * 50)
    assert rule_broken_by(entity * 51) == "TOO_MANY_ENTITIES"


def test_thousands_of_entities() -> None:
    assert rule_broken_by("@a " * 5000) == "TOO_MANY_ENTITIES"
    assert rule_broken_by("@alice " * 5000) == "TOO_LONG"
    assert rule_broken_by("a.co " * 51) == "TOO_MANY_ENTITIES"


# Refusals


INVISIBLE = ["", " ", "\n\t \u00a0\u3000\u2028", "\u3164\u115f\uffa0", "\u200b\u200c\u200d", "\u200e\u061c"]
INVISIBLE += ["\ufeff", "\u2060 \u00ad", "\ufe0f", "\u034f", "\u2800", "\U000e0041", "\ufff9", "\u180e"]


@pytest.mark.parametrize("text", INVISIBLE)
def test_nothing_to_see_is_empty(text: str) -> None:
    assert rule_broken_by(text) == "EMPTY"


@pytest.mark.parametrize("text", [".", "\u0301", "\u06dd", "👍", "\u200bא"])
def test_something_to_see_is_not_empty(text: str) -> None:
    assert parse(text).text == text


@pytest.mark.parametrize("character", ["\x00", "\x01", "\r", "\x1b", "\x1f", "\x7f", "\x80", "\x85", "\x9f"])
def test_control_characters_are_refused_wherever_they_stand(character: str) -> None:
    for text in (character, f"a{character}b", f"{character}a", f"a{character}"):
        assert rule_broken_by(text) == "CONTROL_CHARACTER"


@pytest.mark.parametrize("character", [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A))])
def test_direction_overrides_are_refused(character: str) -> None:
    assert rule_broken_by(f"a{character}b") == "BIDI_OVERRIDE"
    assert rule_broken_by(character) == "BIDI_OVERRIDE"


def test_right_to_left_scripts_and_marks_pass() -> None:
    assert parse("שלום \u200f(עולם) مرحبا").weighted_length == 19


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\ud83d\ude00", "\udc80 @bob"])
def test_surrogates_are_refused(text: str) -> None:
    assert rule_broken_by(text) == "NOT_UNICODE"


@pytest.mark.parametrize(
    "text",
    [
        TIBETAN_MONOGRAM,
        "Tiếng Việt có dấu",
        unicodedata.normalize("NFD", "Tiếng Việt có dấu"),
        "ที่นี่ ก็ได้ น้ำ",
        "ကျွန်ုပ်တို့",
        "בְּרֵאשִׁ֖ית בָּרָ֣א",
        "بِسْمِ ٱللَّٰهِ",
        "क्ष्म्य",
        "b" + "\u0323" * 8,
        "a" + "\u0301" * 9,  # one of them becomes part of the letter
    ],
)
def test_ordinary_marks_pass(text: str) -> None:
    assert parse(text).text == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    "text",
    [
        "x" + "\u0323" * 9,
        "x" + "\u0323\u200d" * 9,
        "ok x" + "\u0301\u0323" * 100,
        "\u0301" * 9,
        "a" + "\u0f73" * 16_000,  # each is two marks; ordering them is quadratic
        "\u0dd9\u0dcf\u0dca" * 5_000,
    ],
)
def test_too_many_marks_are_refused(text: str) -> None:
    assert rule_broken_by(text) == "TOO_MANY_MARKS"


def test_texts_beyond_the_raw_limit_are_refused_before_any_work() -> None:
    assert rule_broken_by(" " * 16_384) == "EMPTY"
    assert rule_broken_by(" " * 16_385) == "TOO_LONG"
    assert rule_broken_by("\x00" * 16_385) == "TOO_LONG"


NASTY = ["#", "@", "@a", "#1", "#1_", "http://", "http://a.a/", "http://a.a/(", "//a.a/", "a@", "a@a.a.", "a%"]
NASTY += ["a.a.", "+a.", "a-", ".com", "a.com,", "a.com?", "a.com/(", "a.com/[({\"'", "a.com:99999 ", "\u200d"]
NASTY += ["a" * 62 + ".", "https://" + "a" * 60 + ".", "#ا\u200c", "👨\u200d", "🇦", "e\u0301"]
NASTY += ["\U0001f3f4\U000e0061"]


@pytest.mark.parametrize("piece", NASTY)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("http://a.co/", ""), ("https://", "_"), ("a.co/", "@")])
@pytest.mark.timeout(5)  # a quadratic search would take minutes over all of these
def test_repetition_is_not_slow(piece: str, before: str, after: str) -> None:
    with suppress(TextRejected):
        parse(before + piece * (4000 // len(piece)) + after)


# Properties

any_text = st.text(st.characters(exclude_categories=()), max_size=60)
PIECES = ["http://", "https://", "example.com", "@bob", "#tag", "me@a.co", "?q=", "b_1", "e\u0301"]
PIECES += [*"@#＃aé漢1./:() \n\u200d\ufe0f\u20e3👍🏽🇯\u0323\u034f"]
tweetlike_text = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@given(st.one_of(any_text, tweetlike_text))
@settings(max_examples=300, deadline=None)
def test_what_is_parsed_is_consistent_and_nothing_else_is_raised(text: str) -> None:
    try:
        parsed = parse(text)
    except TextRejected:
        return
    assert parse(parsed.text) == parsed
    assert parsed.text == unicodedata.normalize("NFC", text).strip()
    assert 1 <= parsed.weighted_length <= MAX_WEIGHTED_LENGTH
    for mention in parsed.mentions:
        assert parsed.text[mention.start : mention.end] == "@" + mention.handle
    for hashtag in parsed.hashtags:
        assert parsed.text[hashtag.start : hashtag.end] in {"#" + hashtag.tag, "＃" + hashtag.tag}
    for link in parsed.links:
        assert link.url in {prefix + parsed.text[link.start : link.end] for prefix in ("", "https://")}
        assert link.url.lower().startswith(("http://", "https://"))


@given(tweetlike_text)
@settings(max_examples=300, deadline=None)
def test_entities_are_in_order_and_do_not_overlap(text: str) -> None:
    try:
        parsed = parse(text)
    except TextRejected:
        return
    for kind in (parsed.mentions, parsed.hashtags, parsed.links):
        assert list(kind) == sorted(kind, key=lambda span: span.start)
    spans = sorted([*parsed.mentions, *parsed.hashtags, *parsed.links], key=lambda span: span.start)
    for earlier, later in pairwise(spans):
        assert earlier.start < earlier.end <= later.start


@given(any_text)
@settings(max_examples=200, deadline=None)
def test_canonically_equal_texts_are_treated_alike(text: str) -> None:
    try:
        parsed = parse(text)
    except TextRejected:
        return
    assert parse(unicodedata.normalize("NFD", parsed.text)) == parsed
