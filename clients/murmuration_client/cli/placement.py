"""`murmur admin locate` and `murmur admin ring`: where users live, and who would move."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from murmuration.admin.v1 import admin_pb2
from murmuration_client.cli.exits import USAGE
from murmuration_client.cli.modes import mode_name
from murmuration_client.cli.names import parse_user
from murmuration_client.cli.output import sentence, table
from murmuration_client.cli.session import session_of
from murmuration_client.cli.text import local_time
from murmuration_client.cli.users import Handle

HOW_NODES_CHANGE = (
    "This command only previews: give it --dry-run.\n"
    "  Nodes are added and removed by the configuration: change memcached.nodes and raise memcached.revision in every\n"
    "  process's file. It is read again, and the change carried out in three phases (docs/placement.md)."
)
_SCHEMES = {
    admin_pb2.PLACEMENT_SCHEME_TOKEN_RING: "Rows: on the nodes that the ring of tokens gives.",
    admin_pb2.PLACEMENT_SCHEME_TABLETS: "Rows: in ScyllaDB's tablets, which are placed one by one; the ring of tokens "
    "does not tell where.",
}
_STATUSES = {
    admin_pb2.UserCacheNode.STATUS_IN: "in",
    admin_pb2.UserCacheNode.STATUS_OUT: "out: neither read nor written",
    admin_pb2.UserCacheNode.STATUS_BACK: "back: written, not yet read",
}

Nodes = list[str]


def locate(context: typer.Context, handle: Handle) -> None:
    """Show where an account lives: nodes or files of its rows, its cache node, what is cached, its home's state.

    Examples:
      murmur admin locate alice
      murmur admin locate id:383030038741647360 --json
    """
    session = session_of(context)
    found = session.client().admin.locate_user(parse_user(handle))
    session.output.show(found, lambda: _location(found))


def ring(
    context: typer.Context,
    add: Annotated[Nodes | None, typer.Option("--add", metavar="HOST:PORT", help="A node to add; may repeat.")] = None,
    remove: Annotated[
        Nodes | None, typer.Option("--remove", metavar="HOST:PORT", help="A node to remove; may repeat.")
    ] = None,
    user: Annotated[
        Nodes | None,
        typer.Option(metavar="HANDLE", help="An account to look at; may repeat. Without any: a sample."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would move; it does nothing else.")] = False,
) -> None:
    """Show which cache entries would move if cache nodes were added or removed.

    Nothing is changed: nodes come and go by the configuration.

    Examples:
      murmur admin ring --add 10.0.0.4:11211 --dry-run
      murmur admin ring --remove 10.0.0.2:11211 --user alice --dry-run
    """
    session = session_of(context)
    if not (add or remove):
        raise typer.BadParameter("name a node with --add or --remove")
    if not dry_run:
        for line in f"murmur: {HOW_NODES_CHANGE}".splitlines():
            session.output.note(line)
        raise typer.Exit(USAGE)
    user_ids = [session.user_id(name) for name in user or ()]
    found = session.client().admin.preview_ring(add or (), remove or (), user_ids=user_ids)
    session.output.show(found, lambda: _preview(found))


def _location(found: admin_pb2.UserLocation) -> RenderableType:
    parts: list[RenderableType] = [sentence(f"@{found.handle}, id {found.user_id}."), sentence(_rows(found))]
    if found.partitions:
        rows = [
            (
                partition.table,
                ", ".join(f"{column.name}={column.value}" for column in partition.key),
                str(partition.token),
                ", ".join(partition.replicas) or "-",
            )
            for partition in found.partitions
        ]
        parts.append(table(("table", "partition", "token", "replicas"), rows, folded={"partition", "replicas"}))
    if found.partitions_left_out:
        parts.append(sentence(f"{found.partitions_left_out} more partitions are not listed."))
    return Group(
        *parts, sentence(_cache(found)), sentence(_delivery(found.delivery)), sentence(_home(found.home_state))
    )


def _rows(found: admin_pb2.UserLocation) -> str:
    if found.scheme == admin_pb2.PLACEMENT_SCHEME_FILES:
        return f"Rows: in {', '.join(found.files)}, in the data folder; no ring."
    return _SCHEMES.get(found.scheme, f"Rows: by scheme {found.scheme}, which this release does not know.")


def _cache(found: admin_pb2.UserLocation) -> str:
    entries = found.cache_entries
    cached = [field.name for field in entries.DESCRIPTOR.fields if getattr(entries, field.name)]
    now = f"Cached now: {', '.join(cached) or 'nothing'}."
    if not found.HasField("cache_node"):
        return f"Cache: no nodes; what there is lies within the serving process. {now}"
    node = found.cache_node
    status = _STATUSES.get(node.status, f"status {node.status}, which this release does not know")
    also = f" Written to {node.also_written} as well: nodes are changing." if node.also_written else ""
    return f"Cache: {node.node} ({status}), generation {node.generation}.{also} {now}"


def _delivery(delivery: admin_pb2.UserDelivery) -> str:
    shards = f"{delivery.follower_shards} shard{'' if delivery.follower_shards == 1 else 's'}"
    return f"Next posts: {mode_name(delivery.mode)}. Followers: {delivery.followers}, in {shards}."


def _home(state: admin_pb2.UserHomeState) -> str:
    if state.incomplete:
        held = f"incomplete; a rebuild was asked for at {local_time(state.rebuild_requested_at_ms)}"
    elif state.complete_since_tweet_id:
        held = f"complete from id {state.complete_since_tweet_id} on"
    else:
        held = "complete"
    return f"Home: {held}. Active: {local_time(state.active_at_ms)}."


def _preview(found: admin_pb2.PreviewRingResponse) -> RenderableType:
    now = {node.node: node.share for node in found.nodes_before}
    then = {node.node: node.share for node in found.nodes_after}
    rows = [(node, _share(now.get(node)), _share(then.get(node))) for node in sorted({*now, *then})]
    said = f"{_share(found.moved_share)} of all keys would move; of {found.users} users looked at, {len(found.moves)}."
    if found.change_under_way:
        said += " Nodes are changing already: this starts from those that are read now."
    parts: list[RenderableType] = [table(("node", "share now", "then"), rows), sentence(said)]
    if found.moves:
        parts.append(table(("user", "from", "to"), _moves(found.moves)))
    return Group(*parts)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _moves(moves: Sequence[admin_pb2.UserMove]) -> list[tuple[str, str, str]]:
    return [(f"id:{move.user_id}", move.from_node, move.to_node) for move in moves]
