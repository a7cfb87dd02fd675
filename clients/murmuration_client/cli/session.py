"""What one run of `murmur` holds: the global options and the client made of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import typer

from murmuration.v1 import user_pb2
from murmuration_client.cli.names import parse_user
from murmuration_client.cli.output import Output
from murmuration_client.client import Client
from murmuration_client.terms import DEFAULT_TIMEOUT_SECONDS


@dataclass
class Session:
    """target: the server. name: for whom to act (`alice`, `@alice`, `id:123`), or None. timeout: seconds, or None for
    each call's usual one."""

    target: str
    name: str | None
    timeout: float | None
    output: Output
    _client: Client | None = field(default=None, init=False)

    def client(self) -> Client:
        """The client, which acts for nobody; made at first use. Raises typer.BadParameter."""
        if self._client is None:
            try:
                self._client = Client(self.target, timeout=self.timeout or DEFAULT_TIMEOUT_SECONDS)
            except ValueError as error:
                raise typer.BadParameter(str(error)) from None
        return self._client

    def actor(self) -> Client:
        """The client acting for the user named by --as. Raises typer.BadParameter where none is named."""
        if not self.name:
            raise typer.BadParameter("say for whom: --as HANDLE, or set MURMUR_AS")
        return self.client().acting_as(self.user_id(self.name))

    def user_id(self, name: str) -> int:
        """The id of the account named `alice`, `@alice` or `id:123`; asks the server only for handles."""
        user = parse_user(name)
        return user if isinstance(user, int) else self.client().get_user(user).user_id

    def user(self, name: str) -> user_pb2.User:
        """The account named `alice`, `@alice` or `id:123`."""
        return self.client().get_user(parse_user(name))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()


def session_of(context: typer.Context) -> Session:
    """The session that the root command made."""
    session = context.obj
    assert isinstance(session, Session)
    return session
