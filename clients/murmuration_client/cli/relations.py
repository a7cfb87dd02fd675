"""Who follows, blocks and mutes whom."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated

import typer

from murmuration.v1 import graph_pb2, user_pb2
from murmuration_client.cli.output import sentence, table
from murmuration_client.cli.session import Session, session_of
from murmuration_client.cli.users import All, Handle, Limit, user_table


def follow(
    context: typer.Context,
    handle: Handle,
    hide_reposts: Annotated[bool, typer.Option("--hide-reposts", help="Without the account's reposts.")] = False,
) -> None:
    """Follow an account.

    Example:
      murmur --as bob follow alice
    """
    session = session_of(context)
    actor, user_id = session.actor(), session.user_id(handle)
    _show(session, actor.follow(user_id, hide_reposts), f"You follow {_called(handle)}.")


def unfollow(context: typer.Context, handle: Handle) -> None:
    """Stop following an account."""
    session = session_of(context)
    actor, user_id = session.actor(), session.user_id(handle)
    _show(session, actor.unfollow(user_id), f"You do not follow {_called(handle)}.")


def block(context: typer.Context, handle: Handle) -> None:
    """Block an account: neither sees the other, and follows end both ways."""
    session = session_of(context)
    actor, user_id = session.actor(), session.user_id(handle)
    _show(session, actor.block(user_id), f"You block {_called(handle)}.")


def unblock(context: typer.Context, handle: Handle) -> None:
    """End a block. Follows that it ended do not come back."""
    session = session_of(context)
    actor, user_id = session.actor(), session.user_id(handle)
    _show(session, actor.unblock(user_id), f"You do not block {_called(handle)}.")


def mute(context: typer.Context, handle: Handle) -> None:
    """Keep an account's posts out of your home, quietly."""
    session = session_of(context)
    actor, user_id = session.actor(), session.user_id(handle)
    _show(session, actor.mute(user_id), f"You mute {_called(handle)}.")


def unmute(context: typer.Context, handle: Handle) -> None:
    """End a mute."""
    session = session_of(context)
    actor, user_id = session.actor(), session.user_id(handle)
    _show(session, actor.unmute(user_id), f"You do not mute {_called(handle)}.")


def relation(context: typer.Context, handle: Handle) -> None:
    """Show what you are to an account, and it to you.

    Example:
      murmur --as bob relation alice
    """
    session = session_of(context)
    actor, user_id = session.actor(), session.user_id(handle)
    [found] = actor.relationships([user_id])
    follows = "yes" if found.shows_reposts else "yes, without reposts"
    session.output.show(
        found,
        lambda: table(
            (_called(handle), ""),
            [
                ("you follow", follows if found.following else "no"),
                ("follows you", _yes(found.followed_by)),
                ("you block", _yes(found.blocking)),
                ("blocks you", _yes(found.blocked_by)),
                ("you mute", _yes(found.muting)),
            ],
        ),
    )


def followers(context: typer.Context, handle: Handle, limit: Limit = 100, everything: All = False) -> None:
    """List who follows an account.

    Example:
      murmur followers alice --all --json | jq -r '.users[].handle'
    """
    session = session_of(context)
    ids = session.client().iter_followers(session.user_id(handle))
    _show_users(session, ids, None if everything else limit)


def following(context: typer.Context, handle: Handle, limit: Limit = 100, everything: All = False) -> None:
    """List whom an account follows."""
    session = session_of(context)
    ids = session.client().iter_following(session.user_id(handle))
    _show_users(session, ids, None if everything else limit)


def _show(session: Session, relationship: graph_pb2.Relationship, done: str) -> None:
    session.output.show(relationship, lambda: sentence(done))


def _show_users(session: Session, ids: Iterator[int], limit: int | None) -> None:
    wanted = list(islice(ids, limit))
    found = session.client().batch_get_users(wanted)
    users = [found[user_id] for user_id in wanted if user_id in found]
    session.output.show(user_pb2.BatchGetUsersResponse(users=users), lambda: user_table(users))


def _called(handle: str) -> str:
    return handle if handle.startswith(("@", "id:")) else f"@{handle}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
