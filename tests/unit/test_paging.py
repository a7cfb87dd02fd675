"""Page tokens: bound to their method and list, signed, and verified under every key that is still known."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from murmuration_server.platform.errors import InvalidField, InvalidPageToken
from murmuration_server.platform.paging import PageTokens, SigningKeys, page_size
from tests.support.contract_search import SEARCH

OLD, NEW = (1, b"o" * 32), (2, b"n" * 32)
KEYS = SigningKeys((OLD,))
TOKENS = PageTokens("ListFollowers", KEYS)

int64 = st.integers(-(2**63), 2**63 - 1)


def to_bytes(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def to_token(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@settings(SEARCH, max_examples=50)
@given(list_id=int64, position=int64)
def test_a_token_leads_back_to_its_position(list_id: int, position: int) -> None:
    token = TOKENS.make(list_id, position)
    assert TOKENS.position(list_id, token) == position
    assert token.isascii()
    assert not set(token) & set("+/= \n"), "it goes into a URL as it is"


def test_no_token_is_the_beginning() -> None:
    assert TOKENS.position(7, "") is None


def test_a_token_of_another_list_or_method_is_refused() -> None:
    token = TOKENS.make(7, 100)
    for tokens, list_id in ((TOKENS, 8), (PageTokens("ListFollowing", KEYS), 7)):
        with pytest.raises(InvalidPageToken):
            tokens.position(list_id, token)


@settings(SEARCH, max_examples=50)
@given(position=int64, byte=st.integers(0, 32), bit=st.integers(0, 7))
def test_a_token_changed_in_one_bit_is_refused(position: int, byte: int, bit: int) -> None:
    data = bytearray(to_bytes(TOKENS.make(7, position)))
    assert len(data) == 33
    data[byte] ^= 1 << bit
    with pytest.raises(InvalidPageToken):
        TOKENS.position(7, to_token(bytes(data)))


def test_a_token_cut_or_lengthened_is_refused() -> None:
    token = TOKENS.make(7, 100)
    forms = [token[:length] for length in range(1, len(token))] + [token + "A", token + "AAAA", "A" + token]
    for form in forms:
        with pytest.raises(InvalidPageToken):
            TOKENS.position(7, form)


@settings(SEARCH, max_examples=50)
@given(token=st.text(min_size=1, max_size=80))
def test_any_other_text_is_refused(token: str) -> None:
    with pytest.raises(InvalidPageToken):
        TOKENS.position(7, token)


@settings(SEARCH, max_examples=50)
@given(data=st.binary(min_size=1, max_size=64))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidPageToken):
        TOKENS.position(7, to_token(data))


def test_a_signed_payload_of_another_kind_is_refused() -> None:
    for payload in (b"", b"cursor", b"x" * 16, b"x" * 17):
        with pytest.raises(InvalidPageToken):
            TOKENS.position(7, KEYS.sign(payload))


def test_keys_are_changed_without_losing_tokens() -> None:
    before = TOKENS.make(7, 100)
    both = PageTokens("ListFollowers", SigningKeys((NEW, OLD)))
    during = both.make(7, 101)
    assert both.position(7, before) == 100
    only_new = PageTokens("ListFollowers", SigningKeys((NEW,)))
    assert only_new.position(7, during) == 101, "the first key signs"
    with pytest.raises(InvalidPageToken):
        only_new.position(7, before)


def test_a_key_of_the_same_number_and_another_secret_is_refused() -> None:
    with pytest.raises(InvalidPageToken):
        PageTokens("ListFollowers", SigningKeys(((1, b"x" * 32),))).position(7, TOKENS.make(7, 100))


def test_what_a_bad_token_is_told() -> None:
    with pytest.raises(InvalidPageToken) as caught:
        TOKENS.position(7, "forged")
    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert [field for field, _ in caught.value.fields] == ["page_token"]


@pytest.mark.parametrize(("asked", "given_size"), [(0, 20), (1, 1), (100, 100), (101, 100), (2**31 - 1, 100)])
def test_page_sizes(asked: int, given_size: int) -> None:
    assert page_size(asked, default=20, maximum=100) == given_size


def test_a_negative_page_size_is_refused() -> None:
    with pytest.raises(InvalidField) as caught:
        page_size(-1, default=20, maximum=100)
    assert caught.value.fields[0][0] == "page_size"
