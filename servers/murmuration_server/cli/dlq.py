"""`murmurd dlq`: the records that consumers could not handle."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from google.protobuf.message import DecodeError
from rich.console import Group

from murmuration.admin.v1 import admin_pb2
from murmuration.events.v1 import events_pb2
from murmuration_client import Client, MurmurationError
from murmuration_client.batches import in_batches
from murmuration_client.cli import exits
from murmuration_client.cli.output import Output, as_dict, sentence, table
from murmuration_client.cli.text import local_time

LETTERS_A_CALL = 100
DEFAULT_TARGET = "127.0.0.1:7700"

app = typer.Typer(
    no_args_is_help=True,
    help="Dead letters: records that a consumer could not handle and set aside, so that they stop nobody. Look at them "
    "with list and show; when what was wrong is mended, retry puts them on their topic again; drop gives them up.",
)

TargetOption = Annotated[str, typer.Option("--target", metavar="HOST:PORT", help="A serving process.")]
GroupOption = Annotated[str, typer.Option("--group", metavar="NAME", help="Only what this consumer group set aside.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
IdsArgument = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="As `list` shows them.")]
AllOption = Annotated[bool, typer.Option("--all", help="All that are open; with --group, all of that group.")]


@app.command("list")
def list_(
    target: TargetOption = DEFAULT_TARGET,
    group: GroupOption = "",
    settled: Annotated[bool, typer.Option("--all", help="Also those that were retried or dropped.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """Show what was set aside, the newest first."""
    with _asked(target, as_json=as_json) as (client, output):
        found = client.admin.iter_dead_letters(group, include_settled=settled, page_size=min(limit, 1000))
        letters = [letter for letter, _ in zip(found, range(limit), strict=False)]
        output.show(_document(letters), lambda: _table(letters) if letters else sentence("No dead letters."))


@app.command()
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    target: TargetOption = DEFAULT_TARGET,
    as_json: JsonOption = False,
) -> None:
    """Show one of them, with the event inside."""
    with _asked(target, as_json=as_json) as (client, output):
        letter = client.admin.get_dead_letter(letter_id)
        document = as_dict(letter) | {"event": _event(letter.value)}
        rows = [(name, str(value)) for name, value in document.items()]
        output.show(document, lambda: table(("field", "value"), rows))


@app.command()
def retry(
    letter_ids: IdsArgument = None,
    everything: AllOption = False,
    group: GroupOption = "",
    target: TargetOption = DEFAULT_TARGET,
    as_json: JsonOption = False,
) -> None:
    """Put records on their topics again. Every group that reads the topic gets them: handling twice changes nothing.

    What fails again is set aside again, as a new letter. A letter that was retried or dropped stays as it is.
    """
    with _asked(target, as_json=as_json) as (client, output):
        _settle(client, output, client.admin.retry_dead_letters, letter_ids, group, everything=everything)


@app.command()
def drop(
    letter_ids: IdsArgument = None,
    everything: AllOption = False,
    group: GroupOption = "",
    target: TargetOption = DEFAULT_TARGET,
    as_json: JsonOption = False,
) -> None:
    """Give records up. `list --all` still shows them until they are old."""
    with _asked(target, as_json=as_json) as (client, output):
        _settle(client, output, client.admin.drop_dead_letters, letter_ids, group, everything=everything)


@contextmanager
def _asked(target: str, *, as_json: bool) -> Iterator[tuple[Client, Output]]:
    output = Output(as_json=as_json)
    try:
        client = Client(target)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    with client:
        try:
            yield client, output
        except MurmurationError as error:
            exits.tell(error, output)
            raise typer.Exit(exits.exit_code(error)) from None


def _settle(
    client: Client,
    output: Output,
    settle: Callable[[list[str]], list[admin_pb2.DeadLetter]],
    letter_ids: list[str] | None,
    group: str,
    *,
    everything: bool,
) -> None:
    if bool(letter_ids) == everything:
        raise typer.BadParameter("name letters by their ids, or say --all")
    if group and not everything:
        raise typer.BadParameter("--group goes with --all")
    ids = letter_ids or [letter.dead_letter_id for letter in client.admin.iter_dead_letters(group)]
    letters = [letter for batch in in_batches(ids, LETTERS_A_CALL) for letter in settle(batch)]
    output.show(_document(letters), lambda: _table(letters) if letters else sentence("No dead letters."))


def _document(letters: list[admin_pb2.DeadLetter]) -> dict[str, Any]:
    return {"deadLetters": [as_dict(letter) for letter in letters]}


def _table(letters: list[admin_pb2.DeadLetter]) -> Group:
    rows = [
        (letter.dead_letter_id, local_time(letter.set_aside_ms), _state(letter), letter.reason) for letter in letters
    ]
    return Group(table(("id", "set aside", "is", "reason"), rows))


def _state(letter: admin_pb2.DeadLetter) -> str:
    return admin_pb2.DeadLetter.State.Name(letter.state).removeprefix("STATE_").lower()


def _event(value: bytes) -> dict[str, Any] | None:
    """What the record says; None where it is no event."""
    try:
        return as_dict(events_pb2.Envelope.FromString(value))
    except DecodeError:
        return None
