"""Which Memcached servers are asked with meta commands."""

from __future__ import annotations

import pytest

from murmuration_server.cache.memcached import META_COMMANDS, _version


@pytest.mark.parametrize(
    ("said", "has_them"),
    [
        (b"1.6.45", True),
        (b"1.6.18", True),
        (b"1.6.17", False),
        (b"1.6.0-rc1", False),
        (b"1.10.1", True),
        (b"2.0", True),
        (b"1.5.22", False),
        (b"1.4", False),
        (b"unknown", False),
        (b"", False),
    ],
)
def test_meta_commands_are_what_they_are_since_1_6_18(said: bytes, has_them: bool) -> None:
    assert (_version(said) >= META_COMMANDS) is has_them
