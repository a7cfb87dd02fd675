"""`murmur home`: once, or as it grows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Annotated

import typer
from rich.console import RenderableType

from murmuration.v1 import timeline_pb2, user_pb2
from murmuration_client.cli.output import as_dict, sentence
from murmuration_client.cli.posttable import post_row, post_table
from murmuration_client.cli.session import Session, session_of
from murmuration_client.home_watch import HomeWatch
from murmuration_client.paging import pages
from murmuration_client.terms import MAX_ID
from murmuration_client.timeline import MAX_ITEMS_IN_A_PAGE

USUAL_LIMIT = 20

WARNINGS = {
    timeline_pb2.TimelineState.STATUS_REBUILDING: "This home is being rebuilt and may lack posts; read it again soon.",
    timeline_pb2.TimelineState.STATUS_DEGRADED: "A part of the server does not answer; this home may lack posts.",
}


def home(
    context: typer.Context,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="At most so many items; usually 20, with --follow without end."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="To the end, whatever --limit says.")] = False,
    since: Annotated[
        int | None, typer.Option(min=0, max=MAX_ID, metavar="TWEET_ID", help="Only what is newer than this post.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="What appears from now on, or since a post, until Ctrl-C.")
    ] = False,
    no_replies: Annotated[bool, typer.Option("--no-replies", help="Without replies.")] = False,
    no_reposts: Annotated[bool, typer.Option("--no-reposts", help="Without reposts.")] = False,
) -> None:
    """Read your home: the posts of those you follow and your own, newest first.

    With --follow, new posts as they appear, oldest first; with --json one
    document a line. It waits out a server that is away for up to a minute,
    and says at its end how to go on without a gap or a repetition.

    Examples:
      murmur --as bob home --limit 50
      murmur --as bob home --since 7315209861632001 --json
      murmur --as bob home --follow --json | jq -r .tweet.text
    """
    session = session_of(context)
    actor = session.actor()
    if follow:
        follow_home(
            session,
            actor.watch_home(since_tweet_id=since, exclude_replies=no_replies, exclude_reposts=no_reposts),
            limit,
        )
        return
    wanted = None if everything else limit or USUAL_LIMIT
    read = read_home(lambda size, token: actor.home_page(size, token, since or 0, no_replies, no_reposts), wanted)
    session.output.show(read, lambda: home_table(read))
    if not session.output.as_json and read.state.status in WARNINGS:
        session.output.note(WARNINGS[read.state.status])


def follow_home(session: Session, watch: HomeWatch, limit: int | None) -> None:
    """Prints each item as it appears: a line for people, or a line of JSON with the users that it names."""
    try:
        for item in islice(watch, limit):
            users = [user for user in watch.users.values() if _names(item, user.user_id)]
            line = "  ".join(_row(item, _handles(users)))
            session.output.line({**as_dict(item), "users": [as_dict(user) for user in users]}, line)
    finally:
        if watch.last_id:
            session.output.note(f"To go on from here: murmur home --follow --since {watch.last_id}")


def _names(item: timeline_pb2.HomeTimelineItem, user_id: int) -> bool:
    return user_id in (item.tweet.author_id, item.reposted_tweet.author_id)


def _handles(users: Iterable[user_pb2.User]) -> dict[int, str]:
    return {user.user_id: f"@{user.handle}" for user in users}


def read_home(
    fetch: Callable[[int, str], timeline_pb2.ListHomeTimelineResponse], limit: int | None
) -> timeline_pb2.ListHomeTimelineResponse:
    """Up to `limit` items (None: all) of a home as one response: users once each, token and state of the last page.

    fetch: a page of a size and from a token. It is asked for no more than is still wanted, so that the token goes on
    exactly where the items end.
    """
    read = timeline_pb2.ListHomeTimelineResponse()
    users: dict[int, user_pb2.User] = {}

    def fetch_what_is_wanted(token: str) -> timeline_pb2.ListHomeTimelineResponse:
        wanted = MAX_ITEMS_IN_A_PAGE if limit is None else limit - len(read.items)
        return fetch(min(wanted, MAX_ITEMS_IN_A_PAGE), token)

    for page in pages(fetch_what_is_wanted):
        read.items.extend(page.items)
        users.update((user.user_id, user) for user in page.users)
        read.next_page_token = page.next_page_token
        read.state.CopyFrom(page.state)
        if limit is not None and len(read.items) >= limit:
            break
    read.users.extend(users.values())
    return read


def home_table(read: timeline_pb2.ListHomeTimelineResponse) -> RenderableType:
    """A home's items, one a line: id, when, who, post."""
    if not read.items:
        return sentence("Nothing here.")
    handles = _handles(read.users)
    return post_table([_row(item, handles) for item in read.items])


def _row(item: timeline_pb2.HomeTimelineItem, handles: Mapping[int, str]) -> tuple[str, ...]:
    author = _called(item.tweet.author_id, handles)
    if not item.HasField("reposted_tweet"):
        return post_row(item.tweet, author, item.tweet, item.counts)
    original = item.reposted_tweet
    return post_row(item.tweet, f"{_called(original.author_id, handles)}, by {author}", original, item.counts)


def _called(user_id: int, handles: Mapping[int, str]) -> str:
    return handles.get(user_id, f"id:{user_id}")
