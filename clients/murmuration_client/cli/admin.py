"""`murmur admin`: operators' commands."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from murmuration.admin.v1 import admin_pb2
from murmuration.v1 import tweet_pb2
from murmuration_client.cli import placement
from murmuration_client.cli.exits import USAGE
from murmuration_client.cli.graphfile import Graph, GraphFileError, read_graph
from murmuration_client.cli.modes import mode_name
from murmuration_client.cli.output import as_dict, sentence, table
from murmuration_client.cli.progress import bar
from murmuration_client.cli.session import Session, session_of
from murmuration_client.cli.text import local_time
from murmuration_client.cli.users import Handle
from murmuration_client.graph_import import IMPORT_TIMEOUT_SECONDS

app = typer.Typer(help="Operators' commands.", no_args_is_help=True)


class Mode(Enum):
    PUSH = "push"
    PULL = "pull"
    AUTO = "auto"


DELIVERY_MODES = {
    Mode.PUSH: tweet_pb2.DELIVERY_MODE_PUSH,
    Mode.PULL: tweet_pb2.DELIVERY_MODE_PULL,
    Mode.AUTO: tweet_pb2.DELIVERY_MODE_UNSPECIFIED,
}


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="Plain or gzip.", show_default=False),
    ],
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="What makes a handle of an id: 17 becomes u17.")] = "u",
    both_ways: Annotated[bool, typer.Option("--both-ways", help="Each line is a friendship: two follows.")] = False,
) -> None:
    """Create the accounts and follows of a graph file. Safe to run twice.

    Each line has two whole numbers with a tab between: follower, followee.
    The whole file is checked before anything is sent; it needs some 150
    bytes of memory a line. A bad line or a self-follow is named by its
    number; a line that repeats another is counted.

    Examples:
      murmur admin import ego-twitter-top100.tsv.gz
      murmur admin import socfb-reed98.tsv.gz --both-ways --prefix reed
    """
    session = session_of(context)
    try:
        graph = _read(session, file, prefix, both_ways=both_ways)
    except GraphFileError as error:
        session.output.note(f"murmur: {error}\n  Nothing was sent; mend the file and run this again.")
        raise typer.Exit(USAGE) from None
    response = _send(session, graph)
    session.output.show(
        {**as_dict(response), "file": {"lines": graph.lines, "duplicateLines": graph.duplicates}},
        lambda: _import_table(response, graph),
    )


@app.command()
def backlog(context: typer.Context) -> None:
    """Show what waits to be published and delivered."""
    session = session_of(context)
    found = session.client().admin.get_backlog()
    session.output.show(found, lambda: _backlog_table(found))


@app.command()
def rebuild(context: typer.Context, handle: Handle) -> None:
    """Have an account's home read anew from the posts of those it follows."""
    session = session_of(context)
    session.client().admin.rebuild_timeline(session.user_id(handle))
    session.output.show(
        admin_pb2.RebuildTimelineResponse(), lambda: sentence(f"The home of {handle} is being rebuilt.")
    )


@app.command()
def mode(
    context: typer.Context,
    handle: Handle,
    wanted: Annotated[Mode, typer.Argument(metavar="push|pull|auto", help="auto: the follower count decides.")],
) -> None:
    """Pin how an account's next posts are delivered, or let the follower count decide again.

    Example:
      murmur admin mode alice pull
    """
    session = session_of(context)
    now = session.client().admin.set_author_mode(session.user_id(handle), DELIVERY_MODES[wanted])
    session.output.show(
        admin_pb2.SetAuthorModeResponse(mode=now), lambda: sentence(f"The next posts of {handle}: {mode_name(now)}.")
    )


app.command()(placement.locate)
app.command()(placement.ring)


def _read(session: Session, file: Path, prefix: str, *, both_ways: bool) -> Graph:
    with bar(session.output, "Reading", total=None) as advance_to:
        return read_graph(file, prefix=prefix, both_ways=both_ways, progress=advance_to)


def _send(session: Session, graph: Graph) -> admin_pb2.ImportGraphResponse:
    with bar(session.output, "Sending", total=graph.user_count + graph.follow_count) as advance_to:
        return session.client().admin.import_graph(
            graph.users(),
            graph.follows(),
            progress=lambda users, follows: advance_to(users + follows),
            timeout=session.timeout or IMPORT_TIMEOUT_SECONDS,
        )


def _import_table(response: admin_pb2.ImportGraphResponse, graph: Graph) -> RenderableType:
    rows = [
        ("accounts", str(response.users_created), str(response.users_found)),
        ("follows", str(response.follows_created), str(response.follows_found)),
    ]
    read = sentence(f"{graph.lines} lines read, {graph.duplicates} of them repetitions.")
    return Group(table(("", "created", "there before"), rows), read)


def _backlog_table(found: admin_pb2.GetBacklogResponse) -> RenderableType:
    delivered = f"Delivered: all until {local_time(found.delivered_until_ms)}, {found.lag_ms} ms behind."
    lanes = [(lane.group, lane.topic, str(lane.records), str(lane.oldest_age_ms)) for lane in found.lanes]
    return Group(
        sentence(f"{delivered} Not yet on the log: {found.outbox_rows}."),
        table(("group", "topic", "records", "oldest (ms)"), lanes),
    )
