"""What may be printed."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from murmuration_client.cli.text import local_time, printable, printable_json

any_text = st.text(st.characters(exclude_categories=()), max_size=40)


@given(any_text)
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    left = {char for char in printable(text) if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}}
    assert not left
    assert "\u202e" not in printable(text)


@given(any_text)
def test_json_says_the_same_and_steers_nothing(text: str) -> None:
    written = printable_json({"text": text})
    assert json.loads(written) == {"text": text}
    assert {char for char in written if unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"}} <= {"\n"}


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "Grüße, 你好, שלום, नमस्ते",
        "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # the flag of England
        "a\u00a0b\u3000c",
        "[bold]not markup[/bold]",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text
    assert printable_json(text) == f'"{text}"'


def test_newlines_stay_where_they_may() -> None:
    assert printable("a\nb") == "a\\nb"
    assert printable("a\nb\tc", newlines=True) == "a\nb\\tc"


@pytest.mark.parametrize("milliseconds", [2**63 - 1, -(2**63)])
def test_a_time_that_no_calendar_has(milliseconds: int) -> None:
    assert local_time(milliseconds) == str(milliseconds)
