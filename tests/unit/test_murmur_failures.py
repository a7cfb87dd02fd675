"""Exit codes, and what is said when a command fails."""

from __future__ import annotations

import json
import subprocess
import sys

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from typer.testing import CliRunner

from murmuration.v1 import graph_pb2
from murmuration_client.cli.app import app
from murmuration_client.cli.group import hoist
from tests.unit.test_client_support import bare_refusal, refusal
from tests.unit.test_murmur_support import Murmur, murmur

__all__ = ["murmur"]

BARE_INSTALL = """
import sys
sys.modules[sys.argv.pop()] = None
from murmuration_client.cli.__main__ import main
main()
"""
MANY_FOLLOWERS = """
import sys
from murmuration_client.cli.__main__ import main
sys.argv = ["murmur", "--target", sys.argv[1], "followers", "id:7", "--all", *sys.argv[2:]]
main()
"""


@pytest.mark.parametrize(
    ("code", "reason", "exit_code"),
    [
        (grpc.StatusCode.NOT_FOUND, "USER_NOT_FOUND", 1),
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", 1),
        (grpc.StatusCode.INTERNAL, "INTERNAL", 1),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", 4),
        (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE", 4),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", 4),
    ],
)
def test_exit_codes(murmur: Murmur, code: grpc.StatusCode, reason: str, exit_code: int) -> None:
    murmur.server.on("GetUser", refusal(code, f"ERROR_REASON_{reason}", "It did not go."))
    said = murmur.fails(exit_code, "user", "show", "alice")
    assert said.startswith("murmur: It did not go.\n  ")


def test_no_server() -> None:
    result = CliRunner().invoke(app, ["--target", "127.0.0.1:1", "user", "show", "alice"])
    assert (result.exit_code, result.stdout) == (3, "")
    assert "No server answers at 127.0.0.1:1; start one with `murmurd up`." in result.stderr


def test_fields_and_waiting_times_are_named(murmur: Murmur) -> None:
    answer = refusal(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "ERROR_REASON_OVERLOADED",
        "Full.",
        fields=[("text", "281 of 280 characters")],
        retry_after=Duration(seconds=2),
    )
    murmur.server.on("GetUser", answer)
    said = murmur.fails(4, "user", "show", "alice")
    assert "  text: 281 of 280 characters\n" in said
    assert "The server asks to wait 2 s." in said


def test_an_error_for_programs_is_one_line_of_json(murmur: Murmur) -> None:
    answer = refusal(
        grpc.StatusCode.INVALID_ARGUMENT, "ERROR_REASON_INVALID_FIELD", "x" * 500, fields=[("handle", "\x1b[2J")]
    )
    murmur.server.on("GetUser", answer)
    [line] = murmur.fails(1, "user", "show", "alice", "--json").splitlines()
    error = json.loads(line)["error"]
    assert (error["reason"], error["code"], error["message"]) == ("INVALID_FIELD", "INVALID_ARGUMENT", "x" * 500)
    assert error["fieldViolations"] == [{"field": "handle", "description": "\x1b[2J"}]
    assert error["retryAfterSeconds"] is None
    assert "\x1b" not in line


def test_an_error_never_steers_the_terminal(murmur: Murmur) -> None:
    murmur.server.on("GetUser", bare_refusal(grpc.StatusCode.NOT_FOUND, "\x1b[2J[red]\u202e"))
    said = murmur.fails(1, "user", "show", "alice")
    assert not set(said) & {"\x1b", "\u202e"}
    assert "[red]" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["home"],  # for nobody
        ["home", "--as", ""],
        ["home", "--as", "id:0"],
        ["home", "--as", f"id:{2**63}"],
        ["home", "--as", "id:" + "9" * 5_000],
        ["home", "--as", "@"],
        ["home", "--as", "bob", "--limit", "0"],
        ["home", "--timeout", "0"],
        ["home", "--as", "bob", "--timeout", "nan"],
        ["home", "--target", "", "--as", "bob"],
        ["nonsense"],
        ["post"],
        ["post", "\udcff", "--as", "id:7"],  # bytes that are not UTF-8, as Python hands them over
    ],
)
def test_wrong_usage(murmur: Murmur, arguments: list[str]) -> None:
    assert murmur.fails(2, *arguments)
    assert not murmur.server.received


def test_no_command_at_all_shows_the_help() -> None:
    assert "murmur user create alice" in CliRunner().invoke(app, []).output


def test_the_help_teaches() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for piece in ("murmurd up", "Exit codes: 0 done", "--as", "MURMUR_TARGET", "--json", "import"):
        assert piece in result.stdout


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_a_bare_install_says_what_is_missing(missing: str) -> None:
    run = subprocess.run([sys.executable, "-c", BARE_INSTALL, missing], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "murmur needs Typer and rich: run `pip install 'murmuration[cli]'`.\n"


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_reader_who_leaves_early_is_no_failure(murmur: Murmur, form: tuple[str, ...]) -> None:
    murmur.server.on("ListFollowers", graph_pb2.ListFollowersResponse(user_ids=[7] * 2_000))  # more than a pipe holds
    command = [sys.executable, "-c", MANY_FOLLOWERS, murmur.server.target, *form]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.readline()
        run.stdout.close()
        assert (run.stderr.read(), run.wait(10)) == ("", 0)


@pytest.mark.parametrize(
    ("given", "hoisted"),
    [
        (["home", "--json"], ["--json", "home"]),
        (["home", "--as", "bob", "--limit", "3"], ["--as", "bob", "home", "--limit", "3"]),
        (["home", "--as=bob", "--timeout=1"], ["--as=bob", "--timeout=1", "home"]),
        (["post", "--", "--json"], ["post", "--", "--json"]),
        (["post", "--as"], ["--as", "post"]),
        (["--target", "t", "post", "--as-is"], ["--target", "t", "post", "--as-is"]),
        ([], []),
    ],
)
def test_global_options_may_stand_anywhere(given: list[str], hoisted: list[str]) -> None:
    assert hoist(given) == hoisted


def test_ctrl_c(murmur: Murmur, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("murmuration_client.client.Client.get_user", interrupt)
    assert "Interrupted" in murmur.fails(130, "user", "show", "alice")
