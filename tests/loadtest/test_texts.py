"""The demo's texts: plausible, varied, acceptable to the server, and the same for the same seed."""

import random
import re

from loadtest.texts import GRAMMAR, Texts
from murmuration_server.tweets.text import parse


def said(seed: int, count: int = 1_000) -> list[str]:
    texts = Texts(random.Random(seed), ["ada_lang"])
    return [texts.post() if number % 5 else texts.reply() for number in range(count)]


def test_a_seed_repeats_them() -> None:
    assert said(7) == said(7)
    assert said(7) != said(8)


def test_they_are_varied() -> None:
    assert len(set(said(7))) > 600


def test_some_carry_hashtags_links_and_mentions() -> None:
    parsed = [parse(text) for text in said(7)]
    for found in (
        sum(bool(text.hashtags) for text in parsed),
        sum(bool(text.links) for text in parsed),
        sum(bool(text.mentions) for text in parsed),
    ):
        assert 30 < found < 300


def test_they_are_whole_sentences() -> None:
    for text in said(7):
        assert "{" not in text
        assert text[0].isupper(), text
        assert not re.search(r"[.!?] [a-z]", text.split(" cc @")[0].split(" https://")[0]), text


def test_every_rule_is_reached_and_every_slot_is_known() -> None:
    slots = {slot for choices in GRAMMAR.values() for text in choices for slot in re.findall(r"\{(\w+)\}", text)}
    assert slots | {"post", "reply"} == GRAMMAR.keys()
