"""What is missing is named with what to install; nothing is asked of the toolchains of this machine."""

from __future__ import annotations

from dataclasses import replace

from tools.toolchains import ALL, GO, version_in

ECHO = replace(GO, commands=("echo",), asks=("echo", "go version go1.24.4 linux/amd64"))


def test_a_toolchain_that_is_new_enough() -> None:
    assert replace(ECHO, least=(1, 24, 4)).missing() == ""
    assert replace(ECHO, least=(1, 9)).missing() == ""


def test_one_that_is_too_old_is_named_with_what_is_wanted_and_where_it_is() -> None:
    missing = replace(ECHO, least=(1, 25)).missing()
    assert "Go 1.25 or newer" in missing
    assert "go1.24.4" in missing
    assert "sudo apt install golang-go" in missing


def test_one_that_is_not_there() -> None:
    missing = replace(GO, commands=("echo", "no-such-go")).missing()
    assert "there is no no-such-go" in missing


def test_a_version_that_cannot_be_read_is_too_old() -> None:
    assert version_in("unknown") < (1,)
    assert replace(ECHO, asks=("no-such-go",)).missing()


def test_each_client_says_what_it_needs() -> None:
    assert all(toolchain.least > (1,) for toolchain in ALL)
