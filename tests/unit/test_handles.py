"""The rules of handles and display names."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from murmuration_server.users.handles import (
    HANDLE_PATTERN,
    DisplayNameRejected,
    HandleRejected,
    check_display_name,
    check_handle,
    fold,
)

any_text = st.text(st.characters(exclude_categories=()), max_size=60)


@pytest.mark.parametrize("handle", ["a", "A", "_", "0", "alice_B2", "a" * 15])
def test_handles_are_returned_as_given(handle: str) -> None:
    assert check_handle(handle) == handle
    assert HANDLE_PATTERN.search(handle)


@pytest.mark.parametrize(
    ("handle", "rule"),
    [
        ("", "EMPTY"),
        ("a" * 16, "TOO_LONG"),
        ("a" * 100_000, "TOO_LONG"),
        ("@alice", "BAD_CHARACTER"),
        ("al ice", "BAD_CHARACTER"),
        (" alice", "BAD_CHARACTER"),
        ("alice\n", "BAD_CHARACTER"),
        ("alice\x00", "BAD_CHARACTER"),
        ("al-ice", "BAD_CHARACTER"),
        ("al.ice", "BAD_CHARACTER"),
        ("аlice", "BAD_CHARACTER"),  # the first letter is Cyrillic
        ("ａlice", "BAD_CHARACTER"),
        ("alicé", "BAD_CHARACTER"),
        ("ali\u200bce", "BAD_CHARACTER"),
        ("\u212a", "BAD_CHARACTER"),  # the Kelvin sign, whose lower case is 'k'
        ("ſ", "BAD_CHARACTER"),  # whose upper case is 'S'
        ("١", "BAD_CHARACTER"),
        ("\ud800", "BAD_CHARACTER"),
    ],
)
def test_bad_handles_are_refused(handle: str, rule: str) -> None:
    for check in (check_handle, fold):
        with pytest.raises(HandleRejected) as caught:
            check(handle)
        assert caught.value.rule == rule
        assert str(caught.value).endswith(".")
    assert not HANDLE_PATTERN.search(handle)


def test_handles_that_differ_only_in_case_have_one_key() -> None:
    assert fold("Alice_2") == fold("ALICE_2") == "alice_2"
    assert fold("alice") != fold("a1ice")


@given(any_text)
def test_only_ascii_handles_pass(text: str) -> None:
    try:
        handle = check_handle(text)
    except HandleRejected:
        return
    assert handle == text
    assert handle.isascii()
    assert fold(fold(handle)) == fold(handle) == fold(handle.upper())


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("", ""),
        (" \u3000 ", ""),
        ("  Ada  Lovelace ", "Ada  Lovelace"),
        ("Zoe\u0308", "Zoë"),
        ("山田太郎 🗻", "山田太郎 🗻"),
        ("n" * 50, "n" * 50),
        ("e\u0301" * 50, "é" * 50),
        (" " * 100 + "n" * 50 + " " * 100, "n" * 50),
        ("שלום\u200f", "שלום\u200f"),
    ],
)
def test_display_names(name: str, kept: str) -> None:
    assert check_display_name(name) == kept


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("n" * 51, "TOO_LONG"),
        ("n" * 1_000_000, "TOO_LONG"),
        ("\u0f73" * 16_000, "TOO_LONG"),
        ("a\x00b", "CONTROL_CHARACTER"),
        ("a\nb", "CONTROL_CHARACTER"),
        ("a\n", "CONTROL_CHARACTER"),
        ("a\tb", "CONTROL_CHARACTER"),
        ("a\x85b", "CONTROL_CHARACTER"),
        ("a\x7fb", "CONTROL_CHARACTER"),
        ("a\u2028b", "CONTROL_CHARACTER"),
        ("a\u2029b", "CONTROL_CHARACTER"),
        ("a\u202eb", "BIDI_OVERRIDE"),
        ("a\u2066b", "BIDI_OVERRIDE"),
        ("a\ud800", "NOT_UNICODE"),
    ],
)
def test_bad_display_names_are_refused(name: str, rule: str) -> None:
    with pytest.raises(DisplayNameRejected) as caught:
        check_display_name(name)
    assert caught.value.rule == rule
    assert str(caught.value).endswith(".")


@given(any_text)
def test_a_kept_display_name_is_kept_as_it_is(name: str) -> None:
    try:
        kept = check_display_name(name)
    except DisplayNameRejected:
        return
    assert check_display_name(kept) == kept == unicodedata.normalize("NFC", kept)
    assert len(kept) <= 50
    assert kept.isprintable() or len(kept.splitlines()) <= 1
