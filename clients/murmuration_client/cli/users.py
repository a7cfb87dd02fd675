"""`murmur user`: create and show accounts."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated

import typer
from rich.console import RenderableType

from murmuration.v1 import tweet_pb2, user_pb2
from murmuration_client.cli.output import as_dict, sentence, table
from murmuration_client.cli.posttable import post_row, post_table
from murmuration_client.cli.session import session_of
from murmuration_client.cli.text import local_time

app = typer.Typer(help="Create and show accounts.", no_args_is_help=True)

Handle = Annotated[str, typer.Argument(metavar="HANDLE", help="alice, @alice or id:123.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="At most so many.")]
All = Annotated[bool, typer.Option("--all", help="To the end, whatever --limit says.")]


@app.command()
def create(
    context: typer.Context,
    handle: Annotated[
        str,
        typer.Argument(metavar="HANDLE", help="1 to 15 letters, digits and underscores.", show_default=False),
    ],
    name: Annotated[str, typer.Option(metavar="TEXT", help="The display name, at most 50 characters.")] = "",
) -> None:
    """Create an account.

    Example:
      murmur user create alice --name "Alice"
    """
    session = session_of(context)
    user = session.client().create_user(handle.removeprefix("@"), name)
    session.output.show(user, lambda: sentence(f"Created @{user.handle}, id {user.user_id}."))


@app.command()
def show(context: typer.Context, handle: Handle) -> None:
    """Show an account, and how many follow it and are followed.

    Example:
      murmur user show @alice
    """
    session = session_of(context)
    user = session.user(handle)
    counts = session.client().follow_counts(user.user_id)
    session.output.show(
        {"user": as_dict(user), "followCounts": as_dict(counts)},
        lambda: table(
            ("account", "name", "id", "created", "followers", "following"),
            [(*user_row(user), str(counts.followers), str(counts.following))],
        ),
    )


@app.command()
def posts(context: typer.Context, handle: Handle, limit: Limit = 20, everything: All = False) -> None:
    """List an account's posts, replies and reposts, newest first.

    Example:
      murmur user posts alice --limit 100
    """
    session = session_of(context)
    user = session.user(handle)
    tweets = list(islice(session.client().iter_user_tweets(user.user_id), None if everything else limit))

    def for_people() -> RenderableType:
        nothing = tweet_pb2.TweetCounts()
        rows = [post_row(tweet, f"@{user.handle}", tweet, nothing) for tweet in tweets]
        return post_table(rows) if rows else sentence("Nothing here.")

    session.output.show(tweet_pb2.ListUserTweetsResponse(tweets=tweets), for_people)


def user_row(user: user_pb2.User) -> tuple[str, str, str, str]:
    """account, name, id, created."""
    return f"@{user.handle}", user.display_name, str(user.user_id), local_time(user.create_time_ms)


def user_table(users: Iterable[user_pb2.User]) -> RenderableType:
    """Accounts, one a line."""
    return table(("account", "name", "id", "created"), [user_row(user) for user in users])
