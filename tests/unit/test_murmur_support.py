"""Runs `murmur` in the test process against a scripted server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner, Result

from murmuration.v1 import user_pb2
from murmuration_client.cli.app import app
from tests.unit.test_client_support import ScriptedServer, serving

USERS = {7: "alice", 8: "bob", 9: "carol"}


def user(user_id: int) -> user_pb2.User:
    return user_pb2.User(user_id=user_id, handle=USERS[user_id], display_name=USERS[user_id].title())


class Murmur:
    """run(*arguments) runs a command line; the server knows alice (7), bob (8) and carol (9)."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        ids = {name: number for number, name in USERS.items()}
        server.on(
            "GetUser",
            lambda request, _: user_pb2.GetUserResponse(user=user(request.user_id or ids[request.handle])),
        )
        server.on(
            "BatchGetUsers",
            lambda request, _: user_pb2.BatchGetUsersResponse(
                users=[user(each) for each in sorted(request.user_ids) if each in USERS]
            ),
        )

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["--target", self.server.target, *arguments], prog_name="murmur")

    def ok(self, *arguments: str) -> str:
        """What a command that succeeds prints on stdout."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout

    def fails(self, code: int, *arguments: str) -> str:
        """What a command that fails with this exit code prints on stderr; it prints nothing on stdout."""
        result = self.run(*arguments)
        assert (result.exit_code, result.stdout) == (code, ""), (result.exit_code, result.output)
        assert "Traceback" not in result.stderr
        return result.stderr

    def actors(self, method: str) -> list[str | bytes | None]:
        return [each.metadata.get("murmuration-actor-id") for each in self.server.received[method]]


@pytest.fixture
def murmur(monkeypatch: pytest.MonkeyPatch) -> Iterator[Murmur]:
    for name in ("MURMUR_TARGET", "MURMUR_AS", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    with serving() as server:
        yield Murmur(server)
