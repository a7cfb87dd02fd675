"""The commands, put together."""

from __future__ import annotations

from typing import Annotated

import typer

from murmuration_client.channel import DEFAULT_TARGET
from murmuration_client.cli import admin, home, posts, relations, users
from murmuration_client.cli.exits import EXIT_CODES_HELP
from murmuration_client.cli.group import MurmurGroup
from murmuration_client.cli.output import Output
from murmuration_client.cli.session import Session
from murmuration_client.terms import MAX_TIMEOUT_SECONDS

HELP = f"""Talks to a Murmuration server: post, follow, read a home, import a graph.

Begin:
  murmurd up                        in another terminal: starts a server
  murmur user create alice --name "Alice"
  murmur user create bob
  export MURMUR_AS=bob              or give --as bob each time
  murmur follow alice
  murmur post "Hello" --as alice
  murmur home
  murmur home --follow              new posts as they appear

For programs, one JSON document on stdout; with --follow, one a line:
  murmur home --json | jq -r '.items[].tweet.text'

Accounts are named alice, @alice or id:123. The options below may stand
anywhere; a text that begins with a dash follows two dashes:
  murmur post -- "-1 degrees"

{EXIT_CODES_HELP}
"""

app = typer.Typer(
    cls=MurmurGroup,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(help=HELP)
def murmur(
    context: typer.Context,
    target: Annotated[
        str, typer.Option(envvar="MURMUR_TARGET", metavar="HOST:PORT", help="The server.")
    ] = DEFAULT_TARGET,
    name: Annotated[
        str | None,
        typer.Option("--as", envvar="MURMUR_AS", metavar="HANDLE", help="The account to act for: alice or id:123."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of a table.")] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            max=MAX_TIMEOUT_SECONDS,
            metavar="SECONDS",
            help="How long to wait for an answer; usually 5, for an import 600, for `wait` 30.",
        ),
    ] = None,
) -> None:
    session = Session(target, name, timeout, Output(as_json=as_json))
    context.obj = session
    context.call_on_close(session.close)


app.add_typer(users.app, name="user")
app.command()(posts.post)
app.command()(posts.reply)
app.command()(posts.delete)
app.command()(posts.repost)
app.command()(posts.unrepost)
app.add_typer(posts.app, name="tweet")
app.command()(home.home)
app.command()(posts.wait)
app.command()(relations.follow)
app.command()(relations.unfollow)
app.command()(relations.block)
app.command()(relations.unblock)
app.command()(relations.mute)
app.command()(relations.unmute)
app.command()(relations.relation)
app.command()(relations.followers)
app.command()(relations.following)
app.add_typer(admin.app, name="admin")
